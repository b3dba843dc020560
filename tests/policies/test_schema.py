"""Type tokens and property names, compared with the SDK's classes: a rule with a typo would never find anything."""

from __future__ import annotations

import importlib
import inspect
import sys
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import cache
from typing import Any

import pulumi
import pytest
from policies_bad import bad_world
from policies_good import good_world
from policies_tracing import reads
from pulumi import _types as sdk
from recording import run_platform

import policies
from components.field_owners import OWNERSHIP
from policies.config import config_of
from program.graph import Path

CUSTOM = {
    "kubernetes:elbv2.k8s.aws/v1beta1:TargetGroupBinding",
    "kubernetes:monitoring.coreos.com/v1:ServiceMonitor",
}
"""Custom resources, which no SDK has; their tokens are compared with those that our program declares."""


@cache
def resource_class(token: str) -> type[pulumi.Resource]:
    """The SDK's class for a type token, found by the token that the class registers."""
    package, module, name = token.split(":")
    if token.startswith("pulumi:providers:"):
        return importlib.import_module(f"pulumi_{name}").Provider
    if package == "kubernetes":
        group, version = module.split("/")
        path = f"pulumi_kubernetes.{group.split('.')[0]}.{version}"
    else:
        folder = module.split("/")[0]
        path = f"pulumi_{package}" if folder == "index" else f"pulumi_{package}.{folder}"
    found = getattr(importlib.import_module(path), name)
    registered = getattr(found, "pulumi_type", None)
    assert registered == token, f"{found} registers as {registered}"
    return found


def properties(cls: type) -> dict[str, Any]:
    """The input properties of a resource or an input class by camelCase name, with their types."""
    if issubclass(cls, pulumi.Resource):
        names = {python: camel for camel, python in _resource_names(cls)}
        hints = inspect.signature(cls._internal_init).parameters  # type: ignore[attr-defined]
        module = vars(sys.modules[cls.__module__])
        return {
            camel: eval(str(hints[python].annotation), module)
            if isinstance(hints[python].annotation, str)
            else hints[python].annotation
            for python, camel in names.items()
            if python in hints
        }
    module = vars(sys.modules[cls.__module__])
    found: dict[str, Any] = {}
    for python, camel in sdk.input_type_py_to_pulumi_names(cls).items():
        getter = typing.cast(property, getattr(cls, python)).fget
        annotation = getter.__annotations__["return"] if getter else Any
        found[camel] = eval(annotation, module) if isinstance(annotation, str) else annotation
    return found


def _resource_names(cls: type) -> Iterator[tuple[str, str]]:
    for python, camel in sdk.resource_py_to_pulumi_names(cls).items():
        yield camel, python
    for python in inspect.signature(cls._internal_init).parameters:  # type: ignore[attr-defined]
        if python not in sdk.resource_py_to_pulumi_names(cls) and not python.startswith("_"):
            head, *tail = python.split("_")
            yield head + "".join(part.capitalize() for part in tail), python


def inside(annotation: Any, module: Mapping[str, Any]) -> tuple[type | None, Any]:
    """The input class that an annotation allows, and the type of its lists' items."""
    if isinstance(annotation, typing.ForwardRef):
        annotation = annotation.__forward_arg__
    if isinstance(annotation, str):
        annotation = eval(annotation, {"T": Any, **vars(pulumi), **module})
    if isinstance(annotation, type) and sdk.is_input_type(annotation):
        return annotation, None
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (Sequence, list) or (isinstance(origin, type) and issubclass(origin, Sequence)):
        return None, arguments[0]
    if origin in (typing.Union, types.UnionType) or origin is pulumi.Output:
        for each in arguments:
            found = inside(each, module)
            if found != (None, None):
                return found
    return None, None


def follow(token: str, path: Path, *, into_lists: bool = False) -> str:
    """Empty if the SDK has the property, else the path up to the unknown part; ``into_lists`` is for paths without indices."""
    cls: type | None = resource_class(token)
    current: Any = None
    for position, part in enumerate(path):
        if part == "*":
            module = vars(sys.modules[cls.__module__]) if cls else {}
            item_cls, item = inside(current, module)
            if item_cls is None and item is not None:
                item_cls, _ = inside(item, module)
            if item_cls is None:
                return ""
            cls, current = item_cls, None
            continue
        if current is not None and cls is not None:
            module = vars(sys.modules[cls.__module__])
            cls, item = inside(current, module)
            if cls is None and into_lists and item is not None:
                cls, _ = inside(item, module)
        if cls is None:
            return ""  # a map, or plain JSON: its keys are data
        known = properties(cls)
        if part not in known:
            return f"{cls.__name__} has no {part} (at {'.'.join(map(str, path[: position + 1]))})"
        current = known[str(part)]
    return ""


def tokens() -> list[str]:
    return sorted({type_ for rule in policies.RULES for type_ in rule.on} - {"*"})


@cache
def everything_read() -> list[tuple[str, Path]]:
    config = config_of("production", today=date(2026, 12, 24))
    worlds = [run_platform("production").resources, good_world().resources(), bad_world().resources()]
    shapes = {read.shape for rule in policies.RULES for world in worlds for read in reads(rule, world, config)}
    return sorted(shapes, key=str)


@pytest.mark.parametrize("token", tokens())
def test_a_type_token_is_the_sdks(token: str) -> None:
    if token in CUSTOM:
        no_receivers = {"criticalReceivers": [], "warningReceivers": [], "watchdog": False}
        operator = run_platform("production", monitoring={"mode": "operator", **no_receivers})
        assert token in {each.type for each in operator.resources}
    else:
        assert issubclass(resource_class(token), pulumi.Resource)


def test_every_property_that_rules_read_is_the_sdks() -> None:
    wrong = [(token, said) for token, path in everything_read() if token not in CUSTOM and (said := follow(token, path))]
    assert wrong == []


def test_the_check_itself_finds_a_typo() -> None:
    assert follow("aws:ec2/launchTemplate:LaunchTemplate", ("metadataOptions", "httpTokens")) == ""
    assert "has no httpToken" in follow("aws:ec2/launchTemplate:LaunchTemplate", ("metadataOptions", "httpToken"))
    path = ("spec", "template", "spec", "containers", "*", "securityContext")
    assert follow("kubernetes:apps/v1:Deployment", (*path, "privileged")) == ""
    assert "has no priviliged" in follow("kubernetes:apps/v1:Deployment", (*path, "priviliged"))
    with pytest.raises(AttributeError):
        resource_class("aws:ec2/launchTemplate:LaunchTemplates")


OF_OTHERS = {("data-log-key-usable", "policy"), ("identity-known-accounts", "roleArn")}
"""Properties of other resources than the one that a rule checks: the policy of a log group's key, and the cluster's role."""


def test_deferred_properties_are_the_sdks() -> None:
    unknown_to_all = [
        (rule.name, each)
        for rule in policies.RULES
        for each in rule.deferred
        if all(token in CUSTOM or follow(token, tuple(each.split(".")), into_lists=True) for token in rule.on)
    ]
    assert set(unknown_to_all) == OF_OTHERS


def test_the_owners_table_names_types_that_rules_know() -> None:
    assert {row.type for row in OWNERSHIP} <= set(tokens())
