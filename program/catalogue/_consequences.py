"""Changes of a property that the service rejects, and changes that delete data although the resource is not deleted.

The preview of such a change succeeds. The API rejects it, or deletes the data, when the change is applied.
Sources: the Kubernetes API's validation of updates, AWS' API references (``UpdateClusterVersion``, ``ModifyVolume``,
``ModifyDBInstance``, ``PutRetentionPolicy``, ``PutBucketLifecycleConfiguration``), the load balancer controller's webhook.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast

from program.graph import Path
from program.paths import covers, parse

FOREVER = Decimal("Infinity")

Answer = Callable[[Any, Any], str]
"""Takes the value before and after the change, and returns the consequence; empty if there is none."""


@dataclass(frozen=True)
class Consequence:
    """The consequence of a change of one property."""

    path: str
    answer: Answer


def follows(table: Mapping[str, tuple[Consequence, ...]], type_: str, path: Path, before: Any, after: Any) -> list[str]:
    """The consequences in ``table`` of a change at ``path``; ``type_`` is a type token, or ``GROUP/KIND`` for Kubernetes."""
    found = [each.answer(before, after) for each in table.get(type_, ()) if covers(parse(each.path), path)]
    return [each for each in found if each]


def _smaller(what: str) -> Answer:
    def answer(before: Any, after: Any) -> str:
        left, right = _size(before), _size(after)
        return f"{what} cannot shrink from {before} to {after}" if left is not None and right is not None and right < left else ""

    return answer


def _size(value: Any) -> Decimal | None:
    """A size such as ``10Gi`` or ``10G`` in bytes, or a plain number; ``None`` if it is neither."""
    text = str(value)
    try:
        from components.settings.quantities import (
            parse_quantity,  # imported here because the settings import an SDK that most commands do not need
        )

        return parse_quantity(text)
    except ValueError:
        found = re.fullmatch(r"(\d+(?:\.\d+)?)([kMGTPE])", text)
        return Decimal(found[1]) * 1000 ** ("kMGTPE".index(found[2]) + 1) if found else None


def _immutable(why: str, *, once_set: bool = False) -> Answer:
    def answer(before: Any, _after: Any) -> str:
        return "" if once_set and before is None else why

    return answer


def _version(what: str) -> Answer:
    def answer(before: Any, after: Any) -> str:
        left, right = _parts(before), _parts(after)
        return f"{what} cannot be downgraded from {before} to {after}" if right and right < left else ""

    return answer


def _kubernetes(what: str) -> Answer:
    def answer(before: Any, after: Any) -> str:
        step = _minor_step(before, after)
        if step > 1:
            return f"{what} is upgraded by one minor version at a time, not from {before} to {after}"
        return f"{what} can be downgraded by at most one minor version, not from {before} to {after}" if step < -1 else ""

    return answer


def _rolled_back(before: Any, after: Any) -> str:
    if _minor_step(before, after) != -1:
        return ""
    return (
        f"EKS goes back to {after} only within 7 days of the upgrade from it, and only when all nodes run {after}; "
        "a preview does not know the upgrade's age (docs: Upgrading)"
    )


def _minor_step(before: Any, after: Any) -> int:
    left, right = _parts(before), _parts(after)
    return right[1] - left[1] if len(left) > 1 and len(right) > 1 and left[0] == right[0] else 0


def _older(why: str) -> Answer:
    def answer(before: Any, after: Any) -> str:
        return f"goes back from {before} to {after}: {why}" if _parts(after) and _parts(after) < _parts(before) else ""

    return answer


def _parts(version: Any) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", str(version))] if version is not None else []


def _days_less(what: str) -> Answer:
    """The consequence of a shorter retention in days; an absent value and 0 mean that the data never expires."""

    def answer(before: Any, after: Any) -> str:
        left, right = (FOREVER if not each else Decimal(str(each)) for each in (before, after))
        return f"{what} older than {after} days" if right < left else ""

    return answer


def _backups_less(what: str) -> Answer:
    """The consequence of a shorter retention of backups in days; an absent value and 0 mean no backups."""

    def answer(before: Any, after: Any) -> str:
        left, right = Decimal(str(before or 0)), Decimal(str(after or 0))
        return "" if right >= left else f"{what} older than {after} days" if right else f"all {what}"

    return answer


def _on_a_day(what: str) -> Answer:
    def answer(_before: Any, after: Any) -> str:
        return f"{what} on {after}" if after else ""

    return answer


def _set_to(value: str, what: str) -> Answer:
    def answer(_before: Any, after: Any) -> str:
        return what if after == value else ""

    return answer


def _switched_off(what: str, *, on_by_default: bool = False) -> Answer:
    def answer(before: Any, after: Any) -> str:
        left, right = (on_by_default if each is None else each in (True, "true") for each in (before, after))
        return what if left and not right else ""

    return answer


def _suspended(before: Any, after: Any) -> str:
    return "versioning cannot be disabled again: set it to Suspended" if before and after in (None, "Disabled") else ""


def _back_to_map(before: Any, after: Any) -> str:
    order = ["CONFIG_MAP", "API_AND_CONFIG_MAP", "API"]
    if before in order and after in order and order.index(after) < order.index(before):
        return f"the authentication mode cannot change back from {before} to {after}"
    return ""


def _prometheus_keeps_less(before: Any, after: Any) -> str:
    left, right = _prometheus_retention(before), _prometheus_retention(after)
    return f"metrics older than {right} hours" if left is not None and right is not None and right < left else ""


def _prometheus_retention(arguments: Any) -> Decimal | None:
    """The retention in hours that ``--storage.tsdb.retention.time=15d`` sets; ``None`` if no argument sets it."""
    hours = {"h": 1, "d": 24, "w": 7 * 24, "y": 365 * 24}
    for each in cast("list[Any]", arguments) if isinstance(arguments, list) else []:
        if found := re.fullmatch(r"--storage\.tsdb\.retention\.time=(\d+)([hdwy])", str(each)):
            return Decimal(found[1]) * hours[found[2]]
    return None


_OF_REDIS = re.compile(r"^(appendonly|appendfsync|maxmemory|aclfile|requirepass)\s", re.MULTILINE)


def _redis_elsewhere(before: Any, after: Any) -> str:
    if not all(_OF_REDIS.search(str(each or "")) for each in (before, after)):
        return ""
    left, right = _redis_files(before), _redis_files(after)
    moved = [name for name in left if left[name] != right[name]]
    said = ", ".join(f"{name} from {left[name]} to {right[name]}" for name in moved)
    return f"all data of Redis, which does not read its former files ({said}): move them first" if moved else ""


def _redis_files(content: Any) -> dict[str, str]:
    """The values of the directives that name the files of Redis, or their defaults."""
    found = dict(re.findall(r"^\s*(\w+)\s+(.*?)\s*$", str(content), re.MULTILINE))
    defaults = {"dir": "./", "dbfilename": "dump.rdb", "appenddirname": "appendonlydir", "appendfilename": "appendonly.aof"}
    return {name: found.get(name, default).strip("\"'") for name, default in {**defaults, "appendonly": "no"}.items()}


_FOLDER_ARGUMENT = re.compile(r"--(?:storage\.tsdb\.path|storage\.path|data-dir|datadir)=(.*)")


def _data_elsewhere(before: Any, after: Any) -> str:
    left, right = _data_folders(before), _data_folders(after)
    return f"the data in {', '.join(left)}, which is not read any more: move it first" if left and right and left != right else ""


def _data_folders(arguments: Any) -> list[str]:
    listed = cast("list[Any]", arguments) if isinstance(arguments, list) else []
    return [found[1] for each in listed if (found := _FOLDER_ARGUMENT.fullmatch(str(each)))]


_CLAIM = "a claim's spec cannot change, except for its size"

REFUSED: Mapping[str, tuple[Consequence, ...]] = {
    "aws:ebs/volume:Volume": (Consequence("size", _smaller("a volume")),),
    "aws:eks/cluster:Cluster": (
        Consequence("version", _kubernetes("EKS")),
        Consequence("accessConfig.authenticationMode", _back_to_map),
    ),
    "aws:eks/nodeGroup:NodeGroup": (Consequence("version", _kubernetes("a node group")),),
    "aws:elasticache/replicationGroup:ReplicationGroup": (Consequence("engineVersion", _version("the engine")),),
    "aws:fsx/lustreFileSystem:LustreFileSystem": (Consequence("storageCapacity", _smaller("a file system")),),
    "aws:rds/cluster:Cluster": (
        Consequence("engineVersion", _version("the engine")),
        Consequence("allocatedStorage", _smaller("a database's storage")),
    ),
    "aws:rds/instance:Instance": (
        Consequence("engineVersion", _version("the engine")),
        Consequence("allocatedStorage", _smaller("a database's storage")),
    ),
    "aws:s3/bucketVersioning:BucketVersioning": (Consequence("versioningConfiguration.status", _suspended),),
    "apiextensions.k8s.io/CustomResourceDefinition": tuple(
        Consequence(f"spec.{name}", _immutable(f"the {name} of a CustomResourceDefinition cannot change"))
        for name in ("group", "scope", "names.kind", "names.plural")
    ),
    "batch/Job": tuple(
        Consequence(f"spec.{name}", _immutable(f"the {name} of a Job cannot change"))
        for name in ("completionMode", "manualSelector")
    ),
    "core/PersistentVolume": (
        Consequence("spec.capacity.storage", _smaller("a volume")),
        *(
            Consequence(f"spec.{name}", _immutable("the source of a volume cannot change"))
            for name in ("csi", "hostPath", "nfs", "local", "awsElasticBlockStore", "nodeAffinity")
        ),
    ),
    "core/PersistentVolumeClaim": (
        Consequence("spec.resources.requests.storage", _smaller("a claim")),
        Consequence("spec.resources.limits", _immutable(_CLAIM)),
    ),
    "core/Service": (
        Consequence("spec.clusterIPs", _immutable("a Service's addresses cannot change", once_set=True)),
        Consequence("spec.ipFamilies", _immutable("a Service's first address family cannot change", once_set=True)),
        Consequence("spec.loadBalancerClass", _immutable("a Service's load balancer class cannot change", once_set=True)),
    ),
    "elbv2.k8s.aws/TargetGroupBinding": tuple(
        Consequence(f"spec.{name}", _immutable(f"the load balancer controller refuses another {name}", once_set=True))
        for name in ("targetGroupARN", "targetGroupName", "targetType", "vpcID")
    ),
    "networking.k8s.io/IngressClass": (Consequence("spec.controller", _immutable("the controller of an IngressClass is fixed")),),
}
"""By type: changes that the service rejects although the provider sends them as in-place changes."""

_OF_PODS = (
    Consequence("spec.template.spec.containers.*.args", _prometheus_keeps_less),
    Consequence("spec.template.spec.containers.*.args", _data_elsewhere),
)

LOST_IN_PLACE: Mapping[str, tuple[Consequence, ...]] = {
    "aws:cloudwatch/logGroup:LogGroup": (Consequence("retentionInDays", _days_less("log events")),),
    "aws:dynamodb/table:Table": (Consequence("pointInTimeRecovery.enabled", _switched_off("its continuous backups")),),
    "aws:elasticache/replicationGroup:ReplicationGroup": (Consequence("snapshotRetentionLimit", _backups_less("snapshots")),),
    "aws:kms/key:Key": (Consequence("isEnabled", _switched_off("access to everything encrypted with it", on_by_default=True)),),
    "aws:rds/cluster:Cluster": (Consequence("backupRetentionPeriod", _backups_less("backups")),),
    "aws:rds/instance:Instance": (Consequence("backupRetentionPeriod", _backups_less("backups")),),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": (
        Consequence("rules.*.expiration.date", _on_a_day("all objects")),
        Consequence("rules.*.expiration.days", _days_less("objects")),
        Consequence("rules.*.noncurrentVersionExpiration.noncurrentDays", _days_less("old versions")),
    ),
    "aws:s3/bucketVersioning:BucketVersioning": (
        Consequence(
            "versioningConfiguration.status", _set_to("Suspended", "the old version of each object that changes from now on")
        ),
    ),
    "apps/Deployment": _OF_PODS,
    "apps/StatefulSet": _OF_PODS,
    "core/ConfigMap": (Consequence("data.*", _redis_elsewhere),),
}
"""By type: the data that a change deletes although the resource is not deleted."""

TO_WATCH: Mapping[str, tuple[Consequence, ...]] = {
    "aws:eks/addon:Addon": (Consequence("addonVersion", _older("objects that the newer version wrote may not work with it")),),
    "aws:eks/cluster:Cluster": (Consequence("version", _rolled_back),),
}
"""By type: changes that the service can accept, but that can cause a failure later."""
