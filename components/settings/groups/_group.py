"""The base class of the settings groups."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

Conflict = tuple[str, str, str]
"""A field whose value conflicts with another field: the snake_case name of the field, the problem, and a valid value.

The problem has no subject, because the error message puts the field's camelCase name before the problem.
"""


class Group(BaseModel):
    """A settings group. It is immutable, its keys are camelCase in the stack file, and an unknown key is an error."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True, use_attribute_docstrings=True
    )

    def conflicts(self) -> Iterator[Conflict]:
        """The fields of this group whose values are valid, but conflict with another field."""
        yield from ()

    @model_validator(mode="after")
    def _without_conflicts(self) -> Self:
        if found := list(self.conflicts()):
            problems = "; ".join(f"{to_camel(field)} {problem}" for field, problem, _ in found)
            detail = [(field, problem, example, getattr(self, field, None)) for field, problem, example in found]
            raise PydanticCustomError("conflicts", "{problems}", {"problems": problems, "conflicts": detail})
        return self
