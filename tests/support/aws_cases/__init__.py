"""The test cases of all types of the embedded aws provider: the ``CASES`` of all modules in this package."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from aws_cases.world import Case

CASES: tuple[Case, ...] = tuple(
    case for module in pkgutil.iter_modules(__path__) for case in getattr(import_module(f"{__name__}.{module.name}"), "CASES", ())
)
