"""The table ``CHECKS`` of all checks by name.

A check is a function in a module of this package with the decorator ``@check(NAME)``. It has a page in ``docs/runbooks``.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from delivery.doctor.checks._registry import CHECKS, Check

__all__ = ["CHECKS", "Check"]

for module in iter_modules(__path__, f"{__name__}."):
    import_module(module.name)
