"""What a resource type of the embedded docker provider is: a few facts and four calls of the engine's API."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import docker

from embedded_cloud.errors import EmbeddedCloudError
from embedded_cloud.providers.modelled import ModelledType
from embedded_cloud.providers.plugin import Properties


class DockerResource(ModelledType, ABC):
    """One resource type. ``describe`` answers from the engine alone, never from what was asked."""

    types: ClassVar[dict[str, type[DockerResource]]] = {}

    def __init__(self, client: docker.DockerClient, registries: list[Properties]) -> None:
        self.client = client
        self.registries = registries

    @classmethod
    def check(cls, name: str, news: Properties) -> Properties:
        """``news`` with defaults; every resource has a fixed name."""
        inputs = cls.completed(news)
        if "name" not in inputs:
            raise EmbeddedCloudError(f"the embedded cloud: {cls.token} {name} has no name", "name it: the stack's names are fixed")
        return inputs

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
