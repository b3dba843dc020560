"""The table of checks, and the decorator that adds a function to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import wraps

from delivery.doctor.findings import Finding
from delivery.doctor.observations import Observations

Check = Callable[[Observations], Iterable[Finding]]

CHECKS: dict[str, Check] = {}
"""Every check by name. The name is also in the check's findings, and is that of the check's page in ``docs/runbooks``."""


def check(name: str) -> Callable[[Check], Check]:
    """Return a decorator that registers a check as ``name``. The check's docstring is its line in the runbooks' index."""

    def register(function: Check) -> Check:
        @wraps(function)
        def named(observed: Observations) -> Iterator[Finding]:
            for finding in function(observed):
                yield finding if finding.check else replace(finding, check=name)

        CHECKS[name] = named
        return function

    return register
