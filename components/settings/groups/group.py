"""The base of the settings groups: immutable, camelCase in the stack file, and checked as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

Conflict = tuple[str, str, str]
"""A field whose value conflicts with another: its snake_case name, the problem, and a valid value."""


class Group(BaseModel):
    """A settings group: immutable, camelCase in the stack file; an unknown key is an error."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True, use_attribute_docstrings=True
    )

    def conflicts(self) -> Iterator[Conflict]:
        """All fields of this group that are valid alone and conflict with another."""
        yield from ()

    @model_validator(mode="after")
    def _without_conflicts(self) -> Self:
        if found := list(self.conflicts()):
            problems = "; ".join(f"{to_camel(field)} {problem}" for field, problem, _ in found)
            detail = [(field, problem, example, getattr(self, field, None)) for field, problem, example in found]
            raise PydanticCustomError("conflicts", "{problems}", {"problems": problems, "conflicts": detail})
        return self
