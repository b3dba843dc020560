"""What drift there is, as plain data: the changes in the form that a preview has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from delivery.changes.change import ResourceChange
from delivery.errors import ExitCode


@dataclass(frozen=True, kw_only=True)
class Foreign:
    """A resource that belongs to the environment by its tags or its place, and that the stack does not know."""

    arn: str
    why: str
    """What makes it ours: its tags, or the resource that it is part of."""


@dataclass(frozen=True, kw_only=True)
class Drift:
    """What differs between the state of one stack and the cloud."""

    stack: str
    looked_at: int = 0
    """Resources that were read back."""
    changes: tuple[ResourceChange, ...] = ()
    """From the state to the cloud: ``update`` was changed, ``delete`` is gone."""
    foreign: tuple[Foreign, ...] = ()
    problems: tuple[str, ...] = ()
    """What could not be looked at, and why."""

    @property
    def exit_code(self) -> ExitCode:
        """Whether there is drift; not knowing is no clean bill of health."""
        if self.changes or self.foreign:
            return ExitCode.FAILED
        return ExitCode.UNCHECKED if self.problems else ExitCode.DONE

    def to_json(self) -> dict[str, Any]:
        """As plain data, with the exit code that belongs to it."""
        return {**_ADAPTER.dump_python(self, mode="json"), "exitCode": int(self.exit_code)}


_ADAPTER = TypeAdapter(Drift)
"""Made once: it takes a while."""
