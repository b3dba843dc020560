"""The base class of a resource type of the embedded aws provider: attributes, and methods that call the service's API."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from secrets import token_hex
from typing import Any, ClassVar

from embedded_cloud.providers.aws._values import Properties, added_and_removed, tag_list
from embedded_cloud.providers.aws.session import Aws
from embedded_cloud.providers.modelled import ModelledType, Names

TAGS = frozenset({"tags", "tagsAll"})


@dataclass(frozen=True, kw_only=True)
class Tagging:
    """The two calls with which a service changes the tags of a resource, and the form of their parameters."""

    resource: str
    """The name of the parameter that identifies the resource."""
    add: str = "tag_resource"
    remove: str = "untag_resource"
    tags: Callable[[dict[str, str]], Properties] = lambda tags: {"Tags": tag_list(tags)}
    keys: Callable[[list[str]], Properties] = lambda keys: {"TagKeys": keys}


class AwsResource(ModelledType, ABC):
    """One resource type. A subclass has class attributes that describe the type, and calls its service through :attr:`api`.

    ``read`` must return the outputs, and the modelled inputs except those in ``provider_only`` and ``not_stored``. The values come
    from the service's answers and the id, and not from the request. Property names are the SDK's. Ids are the official provider's,
    unless the class documents another id.
    """

    types: ClassVar[dict[str, type[AwsResource]]] = {}

    service: ClassVar[str]

    set_by_update: ClassVar[Names] = frozenset()
    """Updatable inputs that :meth:`create` does not set. An update immediately after the creation sets these inputs."""

    tagging: ClassVar[Tagging]
    """The calls that change the tags. A type without tags does not have this attribute."""

    volatile: ClassVar[Names] = frozenset()
    """Outputs that an update can change. These outputs are unknown in the preview of the update."""

    auto_name: ClassVar[str] = ""
    """The input whose default is a name derived from the logical name."""

    name_limit: ClassVar[int] = 255

    def __init__(self, aws: Aws) -> None:
        self.aws = aws

    @classmethod
    def set_by_create(cls) -> Names:
        """The inputs that :meth:`create` sets."""
        return cls.replace_on | cls.updatable - cls.set_by_update

    @property
    def api(self) -> Any:
        """The client of this type's service."""
        return self.aws.client(self.service)

    @abstractmethod
    def create(self, inputs: Properties) -> str:
        """Create the resource with the inputs in :meth:`set_by_create`; return its id."""

    @abstractmethod
    def read(self, id: str) -> Properties | None:
        """The properties of the live resource, with its tags as ``tagsAll``; ``None`` if it does not exist."""

    def update(self, id: str, old: Properties, new: Properties) -> None:
        """Apply the differences between ``old`` and ``new``, except the tags."""

    @abstractmethod
    def delete(self, id: str, inputs: Properties) -> None:
        """Delete the resource; if it does not exist, the service's own error may be raised."""

    def tagged(self, id: str) -> Any:
        """The value of the parameter ``tagging.resource``, which identifies the resource in the tagging calls."""
        return id

    def retag(self, id: str, changed: dict[str, str], removed: list[str]) -> None:
        """Set the ``changed`` tags and remove the ``removed`` keys."""
        resource = {self.tagging.resource: self.tagged(id)}
        if changed:
            getattr(self.api, self.tagging.add)(**resource, **self.tagging.tags(changed))
        if removed:
            getattr(self.api, self.tagging.remove)(**resource, **self.tagging.keys(removed))

    def check(self, name: str, olds: Properties, news: Properties) -> Properties:
        """``news`` with defaults, the provider's default tags, and a generated name if the type has one and ``news`` has none.

        Raises ``EmbeddedCloudError`` if an input is not modelled.
        """
        inputs = self.completed(news)
        if "tags" in self.updatable:
            tags = inputs.get("tags", {})
            inputs["tagsAll"] = {**self.aws.default_tags, **tags} if isinstance(tags, dict) else tags
        if self.auto_name and self.auto_name not in inputs:
            stem = self._stem(name, inputs)
            old_name = olds.get(self.auto_name) if self._stem(name, olds) == stem else None
            inputs[self.auto_name] = old_name or f"{stem}{token_hex(4)[:7]}"
        return inputs

    def can_coexist(self, name: str, inputs: Properties) -> bool:
        """Whether the resource and its replacement can exist at the same time.

        They can if the name is generated, or if the type has no :attr:`auto_name`.
        """
        stem = re.escape(self._stem(name, inputs))
        return not self.auto_name or re.fullmatch(f"{stem}[0-9a-f]{{7}}", inputs.get(self.auto_name, "")) is not None

    def _stem(self, name: str, inputs: Properties) -> str:
        """The start of a generated name: the input that sets a prefix, or else the logical name."""
        return inputs.get(f"{self.auto_name}Prefix") or f"{name[: self.name_limit - 8]}-"

    def change(self, id: str, old: Properties, new: Properties) -> None:
        """Update the live resource from ``old`` to ``new``."""
        changed = {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}
        changed -= self.provider_only | self.not_stored.keys()
        if "tagsAll" in changed:
            before, after = old.get("tagsAll", {}), new.get("tagsAll", {})
            _, removed = added_and_removed(before, after)
            self.retag(id, {key: value for key, value in after.items() if before.get(key) != value}, removed)
        if changed - TAGS:
            self.update(id, old, new)
