"""Checks the location of resources (account, region or cluster of their provider, and network) and the versions of node groups."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from ipaddress import ip_network
from typing import Any, cast

import yaml

from delivery.preview.change import Kind, PropertyChange, ResourceChange
from program import catalogue
from program.catalogue import Replaces
from program.graph import Resource
from program.types import NODE_GROUP, SUBNET, VPC


class Places:
    """The changed providers, and whether their changes replace the resources that use them.

    Call ``note`` for each changed resource, and ``moved`` for a resource after the ``note`` of its provider.
    """

    def __init__(self, base: Mapping[str, Resource], head: Mapping[str, Resource]) -> None:
        self._base, self._head = base, head
        self._changed: dict[str, Replaces] = {}

    def note(self, change: ResourceChange, resource: Resource, replaced: Collection[str]) -> None:
        """Record whether the change of a provider replaces the provider's resources. Other changes are ignored."""
        if not resource.type.startswith("pulumi:providers:") or change.kind is Kind.OPTIONS:
            return
        sources = {urn for urns in (resource.property_dependencies or {}).values() for urn in urns}
        effects = [each.replaces for each in change.properties if not _same_cluster(each)]
        self._changed[change.urn] = Replaces.YES if sources & set(replaced) else _worst(effects)

    def moved(self, old: Resource, new: Resource) -> Iterator[PropertyChange]:
        """The change of a resource that results from a change of its provider, or from a switch to another provider."""
        before, after = (each.provider.rpartition("::")[0] for each in (old, new))
        effect = self._changed.get(after, Replaces.NO)
        if before != after and before in self._base and after in self._head:
            effect = _worst([effect, *_differences(self._base[before], self._head[after])])
        if effect is not Replaces.NO:
            yield PropertyChange(path="provider", before=None, after=None, replaces=effect, follows=after)


def _differences(old: Resource, new: Resource) -> Iterator[Replaces]:
    if old.type != new.type:
        yield Replaces.NOT_KNOWN
        return
    for key in old.inputs.keys() | new.inputs.keys():
        if old.inputs.get(key) != new.inputs.get(key):
            yield catalogue.replaces(new.type, (key,))


def _worst(effects: list[Replaces]) -> Replaces:
    return next((each for each in (Replaces.YES, Replaces.NOT_KNOWN) if each in effects), Replaces.NO)


def _same_cluster(change: PropertyChange) -> bool:
    """Whether the change is in a kubeconfig and keeps the API servers, for example because only the credentials change."""
    if change.path != "kubeconfig":
        return False
    before, after = _servers(change.before), _servers(change.after)
    return bool(before) and before == after


def _servers(kubeconfig: Any) -> set[str]:
    try:
        content: Any = yaml.load(kubeconfig, yaml.CSafeLoader) if isinstance(kubeconfig, str) else kubeconfig
        clusters = cast("list[dict[str, Any]]", content["clusters"])
        return {str(each["cluster"]["server"]) for each in clusters}
    except (yaml.YAMLError, KeyError, TypeError):
        return set()


def contradictions(resource: Resource, head: Mapping[str, Resource]) -> Iterator[str]:
    """The reasons why AWS will refuse a subnet outside its VPC or region, or a node group that is newer than its cluster."""
    if resource.type == SUBNET:
        yield from _outside_of_network(resource, head)
    elif resource.type == NODE_GROUP:
        for urn in (resource.property_dependencies or {}).get("clusterName", ()):
            own, cluster = (each.inputs.get("version") if each else None for each in (resource, head.get(urn)))
            if _is_newer(own, cluster):
                yield f"the node group's version {own} is newer than its cluster's version {cluster}: upgrade the cluster first"


def _is_newer(own: Any, other: Any) -> bool:
    left, right = (re.fullmatch(r"1\.(\d+)", str(each)) for each in (own, other))
    return left is not None and right is not None and int(left[1]) > int(right[1])


def _outside_of_network(resource: Resource, head: Mapping[str, Resource]) -> Iterator[str]:
    block = resource.inputs.get("cidrBlock")
    for urn in (resource.property_dependencies or {}).get("vpcId", ()):
        vpc = head.get(urn)
        whole = vpc.inputs.get("cidrBlock") if vpc is not None and vpc.type == VPC else None
        if isinstance(block, str) and isinstance(whole, str) and not _inside(block, whole):
            yield f"the block {block} is not in {whole}, the block of the subnet's VPC"
    provider = head.get(resource.provider.rpartition("::")[0])
    region = provider.inputs.get("region") if provider is not None else None
    zone = resource.inputs.get("availabilityZone")
    if isinstance(region, str) and isinstance(zone, str) and not zone.startswith(region):
        yield f"the zone {zone} is not in the provider's region {region}"


def _inside(block: str, whole: str) -> bool:
    try:
        inner, outer = ip_network(block), ip_network(whole)
    except ValueError:
        return True  # the block is not known yet, or it is not valid; the provider refuses a block that is not valid
    return inner.version == outer.version and inner.subnet_of(outer)  # pyright: ignore[reportArgumentType]
