"""The monthly estimate of a stack, from a dated table of list prices. The estimate does not include costs that depend on usage."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Annotated, Any, cast

import yaml
from annotated_types import Gt
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from policies.views import ResourceIndex, UnknownValueError, View
from program.catalogue import billed
from program.types import (
    ADDRESS,
    ALARM,
    CLAIM,
    CLUSTER,
    DAEMON_SET,
    DEPLOYMENT,
    ENDPOINT,
    INGRESS,
    INSTANCE,
    KEY,
    LAUNCH_TEMPLATE,
    LOAD_BALANCER,
    NAT_GATEWAY,
    NODE_GROUP,
    RELEASE,
    SERVICE,
    STATEFUL_SET,
    SUBNET,
    VOLUME,
)

PRICE_FILE = Path(__file__).parent / "prices.yaml"
NODE_GROUP_DEFAULT = "t3.medium"
NODE_DISK_DEFAULT = 20
"""AWS' defaults for a node group: the instance type, and the size of the disk in GiB (AWS: CreateNodegroup).

A default applies if neither the node group nor its launch template sets the value.
"""
HOURS = 730
"""Hours in a month, as in the AWS Pricing Calculator."""
GIB = 2**30


Price = Annotated[Decimal, Gt(0)]


class PriceModel(BaseModel):
    """The base class of the parts of the price table."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)


class Hourly(PriceModel):
    """Prices per hour."""

    cluster: Price
    nat_gateway: Price
    load_balancer: Price
    public_address: Price
    endpoint: Price


class Monthly(PriceModel):
    """Prices per month."""

    key: Price
    alarm: Price
    volume_gib: Price
    file_system_gib: Price


class Prices(PriceModel):
    """The whole price table, in USD."""

    as_of: date
    region: str
    per_hour: Hourly
    per_month: Monthly
    instances_per_hour: dict[str, Price]


@dataclass(frozen=True)
class CostItem:
    """One line of an estimate: the number of equal items, and the monthly price of one item."""

    what: str
    count: int
    usd: Decimal
    """Monthly price of one item."""
    highest: int = 0
    """Maximum number of items after autoscaling; 0 if the number is fixed."""

    @property
    def total(self) -> Decimal:
        """Monthly price of all items."""
        return self.usd * self.count

    @property
    def most(self) -> Decimal:
        """Monthly price of the maximum number of items."""
        return self.usd * max(self.count, self.highest)


@cache
def prices() -> Prices:
    """The price table of this checkout."""
    content: Any = yaml.safe_load(PRICE_FILE.read_text())
    return Prices.model_validate(content)


@dataclass(frozen=True)
class Estimate:
    """The monthly estimate of a stack; :func:`unpriced_types` lists the types that it does not include."""

    items: list[CostItem]
    unknown: dict[str, UnknownValueError]
    """The resources whose size is not known yet, by URN; the items do not include them."""


def estimate_of(index: ResourceIndex) -> Estimate:
    """The monthly estimate of a stack."""
    found: dict[tuple[str, Decimal], CostItem] = {}
    unknown: dict[str, UnknownValueError] = {}
    for type_, price in PRICERS.items():
        for view in index.of(type_):
            try:
                items = list(price(view, index, prices()))
            except UnknownValueError as error:
                unknown[view.resource.urn] = error
                continue
            for item in items:
                same = found.get((item.what, item.usd))
                found[item.what, item.usd] = (
                    replace(item, count=item.count + same.count, highest=item.highest + same.highest) if same else item
                )
    return Estimate([item for item in found.values() if item.count or item.highest], unknown)


def unpriced_types(index: ResourceIndex) -> list[str]:
    """The types, charts and instance types of a stack that need a price and have none.

    A Helm chart needs no price if it is in ``CHARTS``: the estimate contains its load balancers.
    """
    found = {
        each
        for each in {view.resource.type for view in index.views}
        if each.startswith("aws:") and each not in PRICERS and not billed(each)
    }
    found |= {f"chart {chart}" for chart in map(_chart, index.of(RELEASE)) if chart not in CHARTS}
    sizes = {size for view in index.of(NODE_GROUP, INSTANCE) for size in _known_types(view, index)}
    return [*sorted(found), *sorted(sizes - prices().instances_per_hour.keys())]


CHARTS: Mapping[str, int] = {"aws-load-balancer-controller": 0, "cluster-autoscaler": 0, "nginx-ingress": 1}
"""Charts that create no volumes, with the number of load balancers that they create."""


def _chart(release: View) -> str:
    return str(dict(release.items()).get("chart")).rpartition("/")[2]


def _release(view: View, index: ResourceIndex, table: Prices) -> Iterator[CostItem]:
    del index
    yield CostItem(f"load balancer of {view.resource.name}", CHARTS.get(_chart(view), 0), table.per_hour.load_balancer * HOURS)


def instance_types_of(view: View, index: ResourceIndex) -> list[str]:
    """The type of an instance, or the types of a node group.

    If a node group names no type, the type comes from its launch template, or else from AWS' default.
    """
    if view.resource.type == INSTANCE:
        return [view.text("instanceType")]
    if found := view.texts("instanceTypes"):
        return found
    return [each.text("instanceType", NODE_GROUP_DEFAULT) for each in _templates(view, index)] or [NODE_GROUP_DEFAULT]


def _templates(view: View, index: ResourceIndex) -> list[View]:
    """The launch template of a node group; empty if it has none.

    Raises ``UnknownValueError`` for a launch template that the program does not declare.
    """
    templates = index.sources(view, "launchTemplate.id", LAUNCH_TEMPLATE)
    if not templates and view.has_or_depends("launchTemplate"):
        raise UnknownValueError(("launchTemplate",))
    return templates


def _known_types(view: View, index: ResourceIndex) -> list[str]:
    try:
        return [each for each in instance_types_of(view, index) if each]
    except UnknownValueError:
        return []


Pricer = Callable[[View, ResourceIndex, Prices], Iterator[CostItem]]


def _fixed(what: str, price: Callable[[Prices], Decimal]) -> Pricer:
    def one(view: View, index: ResourceIndex, table: Prices) -> Iterator[CostItem]:
        del view, index
        yield CostItem(what, 1, price(table))

    return one


def _address(view: View, index: ResourceIndex, table: Prices) -> Iterator[CostItem]:
    if not index.users(view, "allocationId", NAT_GATEWAY):  # the price of a NAT gateway includes its address
        yield CostItem("public address", 1, table.per_hour.public_address * HOURS)


def _zones(view: View, key: str, index: ResourceIndex) -> int:
    """The number of subnets in a property, including subnets that the program does not declare."""
    listed: Any = dict(view.items()).get(key)
    declared = index.sources(view, key, SUBNET) if view.has_or_depends(key) else []
    return max(len(declared), len(cast("list[Any]", listed)) if isinstance(listed, list) else 0)


def _load_balancer(view: View, index: ResourceIndex, table: Prices) -> Iterator[CostItem]:
    zones = 0 if view.flag("internal") else _zones(view, "subnets", index)
    hourly = table.per_hour.load_balancer + zones * table.per_hour.public_address
    yield CostItem(f"load balancer {view.resource.name}", 1, hourly * HOURS)


def _endpoint(view: View, index: ResourceIndex, table: Prices) -> Iterator[CostItem]:
    if view.text("vpcEndpointType") == "Interface":
        zones = _zones(view, "subnetIds", index)
        yield CostItem("interface endpoint, per zone", zones, table.per_hour.endpoint * HOURS)


def _of_controller(view: View, index: ResourceIndex, table: Prices) -> Iterator[CostItem]:
    """The load balancer that a controller in the cluster creates for a Service or an Ingress.

    The price does not include public addresses, because the number of zones is not known.
    """
    del index
    annotated = view.map("metadata.annotations").get("kubernetes.io/ingress.class")
    own = view.text("spec.type") == "LoadBalancer" if view.resource.type == SERVICE else False
    if own or (view.resource.type == INGRESS and "alb" in (view.text("spec.ingressClassName"), annotated)):
        yield CostItem(f"load balancer of {view.resource.name}", 1, table.per_hour.load_balancer * HOURS)


def _nodes(view: View, index: ResourceIndex, table: Prices) -> Iterator[CostItem]:
    """The nodes and their disks.

    If a group has several instance types, each node has the price of the most expensive type. This is the on-demand price, because
    spot prices vary.
    """
    types = [each for each in instance_types_of(view, index) if each in table.instances_per_hour]
    count, highest = view.number("scalingConfig.minSize") or 0, view.number("scalingConfig.maxSize") or 0
    if types:
        dearest = max(types, key=lambda each: table.instances_per_hour[each])
        yield CostItem(f"node {dearest}", int(count), table.instances_per_hour[dearest] * HOURS, int(highest))
    disks = [
        Decimal(disk.number("ebs.volumeSize") or 0)
        for template in _templates(view, index)
        for disk in template.views("blockDeviceMappings")
    ] or [Decimal(view.number("diskSize") or NODE_DISK_DEFAULT)]
    yield CostItem(f"disk of a node, {sum(disks)} GiB", int(count), sum(disks) * table.per_month.volume_gib, int(highest))


def _machine(view: View, index: ResourceIndex, table: Prices) -> Iterator[CostItem]:
    del index
    size = view.text("instanceType")
    if size in table.instances_per_hour:
        yield CostItem(f"machine {view.resource.name}, {size}", 1, table.instances_per_hour[size] * HOURS)
    gib = Decimal(view.number("rootBlockDevice.volumeSize") or 0)
    gib += sum(Decimal(disk.number("volumeSize") or 0) for disk in view.views("ebsBlockDevices"))
    yield CostItem(f"disks of {view.resource.name}, {gib:f} GiB", 1 if gib else 0, gib * table.per_month.volume_gib)


def _volume(view: View, index: ResourceIndex, table: Prices) -> Iterator[CostItem]:
    del index
    gib = Decimal(view.number("size") or 0)
    yield CostItem(f"volume {view.resource.name}, {gib:f} GiB", 1, gib * table.per_month.volume_gib)


def _claims_per_pod(view: View, index: ResourceIndex, table: Prices) -> Iterator[CostItem]:
    """The volumes of each pod of a workload, from claim templates and ephemeral volumes.

    The number of pods is the number of replicas, or for a DaemonSet the number of nodes.
    """
    if view.resource.type != DAEMON_SET:
        replicas, highest = view.number("spec.replicas"), 0
    else:
        sizes = [[group.number(f"scalingConfig.{key}") or 0 for group in index.of(NODE_GROUP)] for key in ("minSize", "maxSize")]
        replicas, highest = (int(sum(each)) for each in sizes)
    volumes = view.views("spec.template.spec.volumes")
    ephemeral = [each.view("ephemeral.volumeClaimTemplate") for each in volumes if each.has("ephemeral")]
    templates = view.views("spec.volumeClaimTemplates") if view.resource.type == STATEFUL_SET else []
    for claim in [*templates, *ephemeral]:
        gib = (claim.quantity("spec.resources.requests.storage") or Decimal(0)) / GIB
        what = f"volume per pod of {view.resource.name}, {gib.normalize():f} GiB"
        yield CostItem(what, int(1 if replicas is None else replicas), gib * table.per_month.volume_gib, highest)


def _claim(view: View, index: ResourceIndex, table: Prices) -> Iterator[CostItem]:
    del index
    gib = (view.quantity("spec.resources.requests.storage") or Decimal(0)) / GIB
    shared = "ReadWriteMany" in view.texts("spec.accessModes")
    price = table.per_month.file_system_gib if shared else table.per_month.volume_gib
    yield CostItem(f"volume {view.resource.name}, {gib.normalize():f} GiB", 1, gib * price)


PRICERS: Mapping[str, Pricer] = {
    CLUSTER: _fixed("EKS control plane", lambda table: table.per_hour.cluster * HOURS),
    NAT_GATEWAY: _fixed(
        "NAT gateway with its address", lambda table: (table.per_hour.nat_gateway + table.per_hour.public_address) * HOURS
    ),
    ADDRESS: _address,
    KEY: _fixed("KMS key", lambda table: table.per_month.key),
    ALARM: _fixed("CloudWatch alarm", lambda table: table.per_month.alarm),
    LOAD_BALANCER: _load_balancer,
    ENDPOINT: _endpoint,
    NODE_GROUP: _nodes,
    INSTANCE: _machine,
    CLAIM: _claim,
    **dict.fromkeys((DAEMON_SET, DEPLOYMENT, STATEFUL_SET), _claims_per_pod),
    **dict.fromkeys((INGRESS, SERVICE), _of_controller),
    RELEASE: _release,
    VOLUME: _volume,
}
"""For each type, the function that returns the cost items of a resource."""
