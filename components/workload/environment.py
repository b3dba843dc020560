"""The service's environment variables, in Kubernetes and in Docker (guide: Environment Variables).

A setting whose field in ``components/settings/groups`` has the annotation ``Variable`` becomes an environment variable.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from components.settings import Group, Settings, Variable

Text = TypeVar("Text")


@dataclass(frozen=True, kw_only=True)
class Place(Generic[Text]):
    """The values that differ between a pod and a container of the Docker stack."""

    redis_url: Text
    """The URL of Redis, without the password."""
    redis_password_file: str
    home: str


def variables_of(group: type[Group]) -> Iterator[tuple[str, str]]:
    """The environment variables that a settings group defines, as pairs of the field's name and the variable's name."""
    for field, info in group.model_fields.items():
        yield from ((field, mark.name) for mark in info.metadata if isinstance(mark, Variable))


def service_environment(settings: Settings, place: Place[Text]) -> dict[str, str | Text]:
    """The environment variables by name. No value is secret: for a secret, the variable contains the path of its file."""
    found: dict[str, str | Text] = {}
    groups: dict[str, Group] = dict(settings)
    for group in groups.values():
        for field, name in variables_of(type(group)):
            value = getattr(group, field)
            found[name] = value if isinstance(value, str) else json.dumps(value)
    return found | {"REDIS_URL": place.redis_url, "REDIS_PASSWORD_FILE": place.redis_password_file, "HOME": place.home}
