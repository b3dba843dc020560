"""Rules that limit the cost."""

from __future__ import annotations

from collections.abc import Iterator

from policies.limits import Limits
from policies.prices import GIB, LAUNCH_TEMPLATE, NAT_GATEWAY, NODE_GROUP, PRICERS, estimate_of, instance_types_of, prices
from policies.rule import Pack, Problem, at
from policies.views import ResourceIndex, View
from program.types import CLAIM, INSTANCE, STATEFUL_SET, STORAGE_CLASS, SUBNET, VOLUME, VPC

PACK = Pack("cost")


@PACK.rule(
    "cost-instance-types",
    NODE_GROUP,
    INSTANCE,
    title="Node groups and EC2 instances have instance types that the environment allows",
    why="One wrong digit in a size multiplies the cost.",
    fix="Choose an allowed instance type, or allow another one in `policies/limits.py`.",
    severity="medium",
    frameworks=("AWS Well-Architected: COST06",),
    parameters=("instance_types",),
)
def instance_types(view: View, index: ResourceIndex, limits: Limits) -> Iterator[Problem]:
    """Yield a problem for each instance type that the environment does not allow."""
    key = "instanceTypes" if view.resource.type == NODE_GROUP else "instanceType"
    for each in instance_types_of(view, index):
        if each not in limits.instance_types:
            message = f"{each} is not allowed in {limits.environment}" if each else "no instance type is set"
            yield at(view, key, message, f"use {', '.join(limits.instance_types)}")


@PACK.rule(
    "cost-node-count",
    NODE_GROUP,
    title="The size of a node group is limited",
    why="Otherwise a loop that creates pods adds nodes until a person stops the loop.",
    fix="Lower `cluster.maxNodes`, or raise the limit in `policies/limits.py`.",
    severity="medium",
    frameworks=("AWS Well-Architected: COST09",),
    parameters=("maximum_nodes",),
)
def node_count(view: View, limits: Limits) -> Iterator[Problem]:
    """Yield a problem if a node group can have more nodes than the limit."""
    path = "scalingConfig.maxSize"
    most = view.number(path)
    if most is None or most > limits.maximum_nodes:
        message = "no maximum is set" if most is None else f"{most} nodes are too many for {limits.environment}"
        yield at(view, path, message, f"set {path} to {limits.maximum_nodes} or less")


@PACK.rule(
    "cost-nat-gateways",
    VPC,
    title="The number of NAT gateways is within the environment's limit",
    why="Each gateway costs by the hour, even without traffic.",
    fix="Set `network.nat` to single, or use fewer zones.",
    severity="low",
    frameworks=("AWS Well-Architected: COST08",),
    parameters=("maximum_nat_gateways",),
)
def nat_gateways(view: View, index: ResourceIndex, limits: Limits) -> Iterator[Problem]:
    """Yield a problem if the VPC has too many NAT gateways."""
    subnets = {subnet.resource.urn for subnet in index.users(view, "vpcId", SUBNET)}
    here = [
        gateway
        for gateway in index.of(NAT_GATEWAY)
        if any(subnet.resource.urn in subnets for subnet in index.sources(gateway, "subnetId", SUBNET))
    ]
    if len(here) > limits.maximum_nat_gateways:
        message = f"{len(here)} NAT gateways are too many for {limits.environment}"
        yield at(view, "", message, f"keep {limits.maximum_nat_gateways} or fewer")


@PACK.rule(
    "cost-volume-size",
    CLAIM,
    STATEFUL_SET,
    VOLUME,
    LAUNCH_TEMPLATE,
    INSTANCE,
    STORAGE_CLASS,
    title="Volumes are of type gp3, without extra IOPS or throughput, and not larger than the environment's limit",
    why="A volume can grow in place, but never shrink. The estimate has only the price of gp3; IOPS of io2 can cost much more.",
    fix="Reduce the size; a volume can grow in place later. Use gp3 with the included IOPS and throughput.",
    severity="low",
    frameworks=("AWS Well-Architected: COST06",),
    parameters=("maximum_volume_gib",),
)
def volume_size(view: View, limits: Limits) -> Iterator[Problem]:
    """Yield a problem for each claim, volume and disk that is too large or has no size.

    Yield a problem also for a type other than gp3, and for IOPS or throughput above :data:`INCLUDED`.
    """
    sizes: list[tuple[View, str, int | float | None]] = []
    if view.resource.type == VOLUME:
        sizes = [(view, "size", view.number("size"))]
    if view.resource.type == CLAIM:
        path = "spec.resources.requests.storage"
        requested = view.quantity(path)
        sizes = [(view, path, None if requested is None else int(requested / GIB))]
    elif view.resource.type == STATEFUL_SET:
        path = "spec.resources.requests.storage"
        for claim in view.views("spec.volumeClaimTemplates"):
            requested = claim.quantity(path)
            sizes.append((claim, path, None if requested is None else int(requested / GIB)))
    elif view.resource.type == INSTANCE:
        sizes = [(disk, "volumeSize", disk.number("volumeSize")) for disk in view.views("ebsBlockDevices")]
        if view.has("rootBlockDevice"):
            sizes.append((view, "rootBlockDevice.volumeSize", view.number("rootBlockDevice.volumeSize")))
    elif view.resource.type == LAUNCH_TEMPLATE:
        sizes = [(disk, "ebs.volumeSize", disk.number("ebs.volumeSize")) for disk in view.views("blockDeviceMappings")]
    for disk, prefix, key in _disks(view):
        # The EBS CSI driver creates gp3 volumes by default. AWS' own defaults are other types.
        kind = disk.text(f"{prefix}{key}", "gp3" if view.resource.type == STORAGE_CLASS else "")
        if kind != "gp3":
            message = f"{kind} does not have the price of gp3" if kind else "no type is set, and the default is not gp3"
            yield at(disk, f"{prefix}{key}", message, f"set {prefix}{key} to gp3")
        for performance, included in INCLUDED.items():
            if (disk.number(f"{prefix}{performance}") or 0) > included:
                message = f"{performance} above {included} costs extra"
                yield at(disk, f"{prefix}{performance}", message, f"set {prefix}{performance} to {included} or less")
    for holder, path, gib in sizes:
        if gib is None:
            yield at(holder, path, "no size is set", f"set {path} to {limits.maximum_volume_gib} GiB or less")
        elif gib > limits.maximum_volume_gib:
            message = f"{gib} GiB is too much for {limits.environment}"
            yield at(holder, path, message, f"set {path} to {limits.maximum_volume_gib} GiB or less")


INCLUDED = {"iops": 3000, "throughput": 125}
"""The performance of a gp3 volume that its price includes: IOPS, and MiB per second (AWS: Amazon EBS pricing)."""


def _disks(view: View) -> list[tuple[View, str, str]]:
    """The disks in a resource: a view, the prefix of the disk's properties in it, and the name of the property with its type."""
    if view.resource.type == VOLUME:
        return [(view, "", "type")]
    if view.resource.type == STORAGE_CLASS:
        return [(view, "parameters.", "type")] if view.text("provisioner").endswith(("ebs.csi.aws.com", "aws-ebs")) else []
    if view.resource.type == INSTANCE:
        root = [(view, "rootBlockDevice.", "volumeType")] if view.has("rootBlockDevice") else []
        return root + [(disk, "", "volumeType") for disk in view.views("ebsBlockDevices")]
    mapped = view.views("blockDeviceMappings") if view.resource.type == LAUNCH_TEMPLATE else []
    return [(disk, "ebs.", "volumeType") for disk in mapped]


@PACK.rule(
    "cost-monthly-estimate",
    *PRICERS,
    title="The estimated monthly cost of the stack is within the environment's budget",
    why="Limits on single resources do not limit the sum of their costs.",
    fix="Use fewer or smaller resources, or raise the budget in `policies/limits.py`.",
    severity="medium",
    frameworks=("AWS Well-Architected: COST02-BP05",),
    parameters=("maximum_monthly_usd",),
)
def monthly_estimate(view: View, index: ResourceIndex, limits: Limits) -> Iterator[Problem]:
    """Yield a problem if the estimate with the maximum number of nodes is above the limit, or an instance type has no price.

    The size of every resource in the estimate must be known. One resource reports the estimate: the cluster, or in a stack without
    a cluster a resource of the first type in :data:`~policies.prices.PRICERS` that the stack contains.
    """
    list(PRICERS[view.resource.type](view, index, prices()))  # raises UnknownValueError for an unknown size
    if view.resource.type in (NODE_GROUP, INSTANCE):
        unpriced = sorted({*filter(None, instance_types_of(view, index))} - prices().instances_per_hour.keys())
        if unpriced:
            key = "instanceTypes" if view.resource.type == NODE_GROUP else "instanceType"
            message = f"no price is known for {', '.join(unpriced)}"
            yield at(view, key, message, f"add the price to policies/prices.yaml (as of {prices().as_of})")
    first = next(type_ for type_ in PRICERS if index.of(type_))
    if view.resource.urn != min(each.resource.urn for each in index.of(first)):
        return
    most = sum(item.most for item in estimate_of(index).items)
    if most > limits.maximum_monthly_usd:
        message = f"the stack can cost {most:.0f} USD a month; {limits.environment} allows {limits.maximum_monthly_usd}"
        yield at(view, "", message, "use fewer or smaller resources, or raise the limit in policies/limits.py")
