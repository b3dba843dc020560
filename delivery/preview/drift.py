"""Finds the differences between a stack's state and the cloud, without changing anything.

The engine reads every resource of the state from its provider. Then AWS is searched for resources that are not in the state. A
difference is not drift if the table in ``components/field_owners.py`` assigns the property to another owner. Examples are the
replicas of a Deployment with an autoscaler, and the weights that a rollout sets.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError  # pyright: ignore[reportMissingTypeStubs]

from delivery.clients.engine_events import EngineStep, part
from delivery.clients.environment import Environment, UnreachableError
from delivery.clients.pulumi import Engine
from delivery.errors import DeliveryError
from delivery.preview._comparison import owner_of
from delivery.preview._masking import without_credentials
from delivery.preview._untracked import foreign
from delivery.preview._values import differences, shown, without_secrets
from delivery.preview.change import Drift, Foreign, Ignored, Kind, PropertyChange, ResourceChange
from program import paths
from program.catalogue import Replaces, loses
from program.graph import Path, Resource

REFRESH_SECONDS = 300
"""Time limit for reading all resources of a stack. The limit is an estimate for AWS, and was not measured there."""


def detect(environment: Environment) -> Drift:
    """The differences between the stack's state and the cloud, with masked credentials.

    If some resources cannot be read, no error is raised, and ``problems`` has the reason.
    """
    return without_credentials(_detected(environment))


def _detected(environment: Environment) -> Drift:
    try:
        read = preview_refresh(environment)
    except DeliveryError as error:
        return Drift(stack=environment.name, problems=("; ".join(filter(None, (error.problem, error.fix))),))
    found, problems = _foreign(environment, read)
    return Drift(
        stack=environment.name,
        resources_read=sum(1 for each in read.resources if each.get("custom")),
        changes=read.changes,
        foreign=found,
        problems=problems,
    )


def _foreign(environment: Environment, read: Refreshed) -> tuple[tuple[Foreign, ...], tuple[str, ...]]:
    try:
        return foreign(environment, read.resources), ()
    except (BotoCoreError, ClientError) as error:
        return (), (f"resources that are not in the state: AWS answers: {error}",)
    except DeliveryError as error:
        return (), (f"resources that are not in the state: {error.problem}",)


@dataclass(frozen=True, kw_only=True)
class Refreshed:
    """The state of a stack, and the differences between the state and the cloud."""

    resources: tuple[Mapping[str, Any], ...]
    """Every resource in the state, as the engine writes it, with ``urn``, ``type``, ``id`` and ``outputs``."""
    changes: tuple[ResourceChange, ...]


def preview_refresh(environment: Environment) -> Refreshed:
    """The state of the environment's stack, and the changes that a refresh would make.

    Raises ``DeliveryError`` if the engine fails.
    """
    return parse(Engine(environment).preview_refresh(seconds=REFRESH_SECONDS))


def parse(text: str) -> Refreshed:
    """The state and the changes in the JSON of ``pulumi refresh --preview-only``.

    The JSON has one step per resource. The step's operation is ``update`` if the resource has changed in the cloud, ``delete`` if
    it no longer exists there, and another operation if it is unchanged.

    Raises ``UnreachableError`` if the JSON has another format.
    """
    try:
        steps = [EngineStep.of_refresh(each) for each in json.loads(text)["steps"]]
        resources = tuple(step.old or step.new for step in steps)
        changes = tuple(change for step in steps if (change := _change(step)) is not None)
    except (ValueError, KeyError, TypeError) as error:
        raise UnreachableError(
            f"the engine's output has another format: {error!r}", "use the Pulumi CLI in the version that this checkout pins"
        ) from error
    return Refreshed(resources=resources, changes=tuple(sorted(changes, key=lambda each: each.kind is not Kind.DELETE)))


def _change(step: EngineStep) -> ResourceChange | None:
    if step.op not in {"update", "delete"} or not step.old.get("custom"):
        return None
    gone = step.op == "delete"
    properties: list[PropertyChange] = []
    ignored: list[Ignored] = []
    if not gone:
        for path, before, after in _differences(step):
            if owner := owner_of(step.type, step.name, path):
                ignored.append(Ignored(path=paths.text(path), owner=owner))
            else:
                properties.append(PropertyChange(path=paths.text(path), before=before, after=after, replaces=Replaces.NO))
        if not properties:
            return None
    return ResourceChange(
        kind=Kind.DELETE if gone else Kind.UPDATE,
        urn=step.urn,
        type=step.type,
        name=step.name,
        parent=str(step.old.get("parent", "")),
        properties=tuple(properties),
        ignored=tuple(ignored),
        loses=loses(step.type, step.old.get("inputs") or {}) if gone else "",
    )


def _differences(step: EngineStep) -> Iterator[tuple[Path, Any, Any]]:
    states = [part(each, "inputs") for each in (step.old, step.new)]
    before, after = (
        without_secrets(Resource(urn=step.urn, type=step.type, name=step.name, inputs=inputs, custom=True)) for inputs in states
    )
    for path, left, right in differences(before, after):
        yield path, shown(left), shown(right)
