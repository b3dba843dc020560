"""The table of checks; a decorator adds a function to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import wraps

from delivery.doctor.findings import Finding
from delivery.doctor.observations import Observations

Check = Callable[[Observations], Iterable[Finding]]

CHECKS: dict[str, Check] = {}
"""Every check by name, which is also that of its findings and of its page in ``docs/runbooks``."""


def check(name: str) -> Callable[[Check], Check]:
    """Register a check as ``name``; its docstring is its line in the runbooks' index."""

    def register(function: Check) -> Check:
        @wraps(function)
        def named(observed: Observations) -> Iterator[Finding]:
            for finding in function(observed):
                yield finding if finding.check else replace(finding, check=name)

        CHECKS[name] = named
        return function

    return register
