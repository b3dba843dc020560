"""The table of checks, and the decorator that adds a function to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import wraps

from delivery.doctor.checks import _alerts as alerts
from delivery.doctor.findings import Finding
from delivery.doctor.observations import Snapshot

Check = Callable[[Snapshot], Iterable[Finding]]

CHECKS: dict[str, Check] = {}
"""Every check by name. The check's page in ``docs/runbooks`` has the same name."""


def check(name: str) -> Callable[[Check], Check]:
    """Return a decorator that registers a check as ``name``. The check's docstring is its line in the runbooks' index.

    The decorator adds a finding for each alert whose runbook has the name of the check.
    """

    def register(function: Check) -> Check:
        @wraps(function)
        def named(observed: Snapshot) -> Iterator[Finding]:
            if name in alerts.RUNBOOKS and not observed.alerts.missing:
                yield from alerts.of(name, observed)
            for finding in function(observed):
                yield finding if finding.check else replace(finding, check=name)
            if name in alerts.RUNBOOKS:
                _ = observed.alerts.value  # without the alerts, this ends the check as unchecked, after its findings

        CHECKS[name] = named
        return function

    return register
