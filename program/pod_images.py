"""The container images of the pods that a program declares."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from program.graph import Graph


def images_of(graph: Graph) -> list[str]:
    """The image of every container of the Kubernetes objects in ``graph``, sorted, without duplicates."""
    return images_in([each.inputs for each in graph.resources if each.type.startswith("kubernetes:")])


def images_in(manifests: list[dict[str, Any]]) -> list[str]:
    """The image of every container of these Kubernetes objects, sorted, without duplicates."""
    return sorted(set(_images(manifests)))


def _images(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in cast("dict[str, Any]", value).items():
            if key in ("containers", "initContainers"):
                yield from (container["image"] for container in inner)
            else:
                yield from _images(inner)
    elif isinstance(value, list):
        for inner in cast("list[Any]", value):
            yield from _images(inner)
