"""The base class of the resource types of the embedded docker provider. Its methods call the Docker engine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import docker

from embedded_cloud.errors import EmbeddedCloudError
from embedded_cloud.providers.modelled import ModelledType
from embedded_cloud.providers.plugin import Properties


class DockerResource(ModelledType, ABC):
    """One resource type. ``describe`` returns values from the Docker engine's answers and the id, never from the request."""

    types: ClassVar[dict[str, type[DockerResource]]] = {}

    def __init__(self, client: docker.DockerClient, registries: list[Properties]) -> None:
        self.client = client
        self.registries = registries

    @classmethod
    def check(cls, name: str, news: Properties) -> Properties:
        """``news`` with defaults. Raises ``EmbeddedCloudError`` if the name is missing, or an input is not modelled."""
        inputs = cls.completed(news)
        if "name" not in inputs:
            raise EmbeddedCloudError(f"{cls.token} {name} has no name", "set its input `name`")
        return inputs

    @abstractmethod
    def create(self, inputs: Properties) -> str:
        """Create the resource; return its id."""

    @abstractmethod
    def describe(self, id: str) -> Properties | None:
        """The inputs and outputs of the live resource; None if it does not exist."""

    def update(self, id: str, old: Properties, new: Properties) -> None:
        """Apply the changes that do not replace the resource."""

    def settle(self, id: str, inputs: Properties) -> list[str]:
        """Wait until the resource is ready. Return an empty list, or the reasons why the resource is not ready."""
        return []

    @abstractmethod
    def delete(self, id: str, inputs: Properties) -> None:
        """Delete the resource; if it does not exist, the Docker engine's own error may be raised."""
