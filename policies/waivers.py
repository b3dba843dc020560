"""Reads the waivers in ``waivers.yaml``: violations that are accepted until a date, with the reason and who is responsible."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, cast

import yaml
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from policies.errors import PolicyError

WAIVER_FILE = Path(__file__).parent / "waivers.yaml"
LONGEST = timedelta(days=180)
"""The maximum time between the day on which a waiver is granted and the day on which it expires."""

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class Waiver(BaseModel):
    """The temporary acceptance of the violations of one rule by one resource."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: Text
    resource: Text
    """The URN or the logical name of the resource."""
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=10)]
    by: Text
    """The person or team that is responsible for the waiver."""
    granted: date
    expires: date

    def covers(self, rule: str, urn: str, today: date) -> bool:
        """Whether this waiver accepts a violation of ``rule`` by the resource ``urn`` on the day ``today``.

        A waiver is not valid before the day on which it is granted.
        """
        return self.rule == rule and self.granted <= today <= self.expires and self.resource in (urn, urn.rpartition("::")[2])


def read_waivers(rules: Collection[str], file: Path = WAIVER_FILE) -> tuple[Waiver, ...]:
    """The waivers in a YAML file. Raises :class:`~policies.errors.PolicyError` if the file or a waiver is not valid.

    A waiver is also not valid if it names a rule that is not in ``rules``, or lasts longer than :data:`LONGEST`.
    """
    try:
        content: Any = yaml.safe_load(file.read_text())
    except OSError as error:
        raise PolicyError(f"the waivers {file} cannot be read: {error.strerror}", "give the path of a YAML file") from error
    except (yaml.YAMLError, ValueError) as error:  # a date that does not exist, or a file that is not UTF-8, is a ValueError
        raise PolicyError(f"the waivers {file} are not valid YAML: {error}", "fix the file") from error
    if content is None:
        return ()
    if not isinstance(content, list):
        raise PolicyError(f"the waivers {file} are not a list", "write `- rule: ...` for each waiver")
    return tuple(
        _waiver(item, f"waiver {number} of {file.name}", rules) for number, item in enumerate(cast("list[Any]", content), 1)
    )


def _waiver(item: Any, place: str, rules: Collection[str]) -> Waiver:
    try:
        waiver = Waiver.model_validate(item)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "the entry"
        raise PolicyError(
            f"{place}: {field} is wrong: {first['msg']}", "give rule, resource, reason, by, granted, expires"
        ) from error
    if waiver.rule not in rules:
        raise PolicyError(f"{place} names a rule {waiver.rule!r} that does not exist", "see docs/policies.md for the rules' names")
    if waiver.expires < waiver.granted:
        raise PolicyError(f"{place} expires on {waiver.expires}, before it was granted on {waiver.granted}", "correct the dates")
    if waiver.expires - waiver.granted > LONGEST:
        raise PolicyError(
            f"{place} lasts from {waiver.granted} to {waiver.expires}, longer than {LONGEST.days} days",
            f"set `expires` to {waiver.granted + LONGEST} or earlier; renew the waiver later if it is still needed",
        )
    return waiver
