"""The exceptions of the policies."""

from __future__ import annotations

from program.errors import ProgramError


class PolicyError(ProgramError):
    """The base class of this package's exceptions."""


class WrongTypeError(PolicyError):
    """A property has a value of the wrong type or format."""
