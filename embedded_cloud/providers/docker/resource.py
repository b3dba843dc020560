"""What a resource type of the embedded docker provider is: a few facts and four calls of the engine's API."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import docker

from embedded_cloud.errors import SandboxError
from embedded_cloud.providers.aws.resource import Names
from embedded_cloud.providers.plugin import Properties


class DockerResource(ABC):
    """One resource type. ``describe`` answers from the engine alone, never from what was asked."""

    token: ClassVar[str]
    replace_on: ClassVar[Names] = frozenset()
    """Inputs that only a new resource can change."""
    updatable: ClassVar[Names] = frozenset()
    """Inputs that change in place."""
    kept: ClassVar[Names] = frozenset()
    """Inputs that instruct the provider, and that the engine does not know."""
    defaults: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    """What the official provider asks for when an input is not given."""

    def __init__(self, client: docker.DockerClient, registries: list[Properties]) -> None:
        self.client = client
        self.registries = registries

    @classmethod
    def check(cls, name: str, news: Properties) -> Properties:
        """``news`` with defaults; an input that is not modelled is refused by name, since silence would be a false green."""
        inputs = {key: value for key, value in news.items() if value is not None}
        for key in sorted(inputs.keys() - cls.replace_on - cls.updatable - cls.kept):
            raise SandboxError(
                f"sandbox: {cls.token} {name} has no input '{key}' here", "model it in embedded_cloud/providers/docker"
            )
        if "name" not in inputs:
            raise SandboxError(f"sandbox: {cls.token} {name} has no name", "name it: the stack's names are fixed")
        return {**cls.defaults, **inputs}

    @abstractmethod
    def create(self, inputs: Properties) -> str:
        """Make the resource; return its id."""

    @abstractmethod
    def describe(self, id: str) -> Properties | None:
        """The live resource's inputs and outputs; None when there is none."""

    def update(self, id: str, old: Properties, new: Properties) -> None:
        """Change what differs and can be changed in place."""

    def settle(self, id: str, inputs: Properties) -> list[str]:
        """Wait until the resource is as asked; the reasons why it is not, if it will not be."""
        return []

    @abstractmethod
    def delete(self, id: str, inputs: Properties) -> None:
        """Remove the resource; one that is gone already may raise the engine's own error."""
