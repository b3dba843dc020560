"""Fills in names of Kubernetes objects that a first preview does not know.

A name that the program takes from the output of another object is unknown until that object is created. But the engine records the
objects on which a property depends, and the program often declares the names of these objects. If exactly one declared name is
possible, this module fills it in. Otherwise the name stays unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, cast

from program.graph import Path, Resource
from program.protocol import UNKNOWNS

CONFIG_MAP = "ConfigMap"
SECRET = "Secret"
SERVICE = "Service"

BY_HOLDER: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("metadata", "namespace"): ("Namespace",),
    ("subjects", "namespace"): ("Namespace",),
    ("subjects", "name"): ("ServiceAccount",),
    ("roleRef", "name"): ("Role", "ClusterRole"),
    ("scaleTargetRef", "name"): ("Deployment", "StatefulSet"),
    ("serviceRef", "name"): (SERVICE,),
    ("service", "name"): (SERVICE,),
    ("spec", "serviceAccountName"): ("ServiceAccount",),
    ("spec", "priorityClassName"): ("PriorityClass",),
    ("spec", "storageClassName"): ("StorageClass",),
    ("persistentVolumeClaim", "claimName"): ("PersistentVolumeClaim",),
    ("configMap", "name"): (CONFIG_MAP,),
    ("configMapRef", "name"): (CONFIG_MAP,),
    ("configMapKeyRef", "name"): (CONFIG_MAP,),
    ("secret", "secretName"): (SECRET,),
    ("secret", "name"): (SECRET,),
    ("secretRef", "name"): (SECRET,),
    ("secretKeyRef", "name"): (SECRET,),
    ("imagePullSecrets", "name"): (SECRET,),
}
"""The kinds of object that a property can name, by the key of the containing object and the key of the property."""


def with_names(resources: Iterable[Resource]) -> list[Resource]:
    """The resources, with each unknown name filled in if exactly one declared name is possible."""
    listed = list(resources)
    by_urn = {each.urn: each for each in listed}
    return [_filled(each, by_urn) for each in listed]


def _filled(resource: Resource, by_urn: Mapping[str, Resource]) -> Resource:
    depends = resource.property_dependencies
    if not depends or not resource.type.startswith("kubernetes:"):
        return resource
    inputs = {
        key: _value(value, (key,), [by_urn[urn] for urn in depends.get(key, ()) if urn in by_urn])
        for key, value in resource.inputs.items()
    }
    if inputs == resource.inputs:
        return resource
    return replace(resource, inputs=inputs)


def _value(value: Any, path: Path, sources: list[Resource]) -> Any:
    if isinstance(value, str):
        return _name(value, path, sources) if value in UNKNOWNS else value
    if isinstance(value, dict):
        return {key: _value(item, (*path, key), sources) for key, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_value(item, (*path, index), sources) for index, item in enumerate(cast("list[Any]", value))]
    return value


def _name(unknown: str, path: Path, sources: list[Resource]) -> str:
    keys = [part for part in path if isinstance(part, str)]
    kinds = BY_HOLDER.get((keys[-2], keys[-1]), ()) if len(keys) > 1 else ()
    names = {_given(each, unknown) for each in sources if each.type.rpartition(":")[2] in kinds}
    return names.pop() if len(names) == 1 else unknown


def _given(resource: Resource, unknown: str) -> str:
    """The name of a Kubernetes object if the program declares it, else ``unknown``."""
    metadata = resource.inputs.get("metadata")
    name: Any = cast("dict[str, Any]", metadata).get("name") if isinstance(metadata, dict) else None
    return name if isinstance(name, str) else unknown
