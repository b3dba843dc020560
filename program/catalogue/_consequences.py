"""Consequences of in-place changes that the engine's preview does not show.

Each of the three tables lists changes with one kind of consequence:

- ``REFUSED``: the service rejects the change.
- ``LOST_IN_PLACE``: the change deletes data, or makes data unreachable, although the resource is not deleted.
- ``TO_WATCH``: the service can accept the change, but the change can cause a failure later.

Sources: the Kubernetes API's validation of updates, AWS' API references (``UpdateClusterVersion``, ``ModifyVolume``,
``ModifyDBInstance``, ``PutRetentionPolicy``, ``PutBucketLifecycleConfiguration``), the load balancer controller's webhook.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fnmatch import fnmatchcase
from typing import Any, cast

from program.catalogue import _contents, _expiry
from program.catalogue._type import group_kind
from program.graph import Path, Resource
from program.normal_form import Part, normal
from program.paths import parse
from program.protocol import UNKNOWNS

FOREVER = Decimal("Infinity")

Answer = Callable[[Any, Any], str]
"""Takes the value before and after the change, and returns the consequence; empty if there is none."""


@dataclass(frozen=True)
class Consequence:
    """The consequence of a change of one property."""

    path: str
    """Path of the property, in which ``*`` stands for every item. The empty path stands for all inputs together."""
    answer: Answer
    always: bool = False
    """Whether the new value alone has the consequence, even if the value does not change."""

    def of(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
        """The consequences of the change from the inputs ``before`` to the inputs ``after``."""
        for left, right in _pairs(before, after, parse(self.path)):
            if (self.always or left != right) and not any(isinstance(each, str) and each in UNKNOWNS for each in (left, right)):
                yield self.answer(left, right)


def follows(
    table: Mapping[str, tuple[Consequence, ...]], type_: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> list[str]:
    """The consequences in ``table`` of a change of a resource's inputs. The inputs are compared in their normal form."""
    left, right = (_normal(type_, each) for each in (before, after))
    return [
        consequence
        for part, inputs in right.items()
        for each in table.get(part[0], ())
        for consequence in dict.fromkeys(each.of(left.get(part, {}), inputs))
        if consequence
    ]


def _normal(type_: str, inputs: Mapping[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """The inputs of the resource and of its inline parts.

    A key is a pair: the type, as in the tables, and for an inline pod the path of its template in the resource.
    """
    resource = Resource(urn="", type=type_, name="", inputs=dict(inputs))
    return {
        (_key(each.type), str(each.inputs.get("kind", "")) if isinstance(each, Part) else ""): each.inputs
        for each in normal([resource])
    }


def _key(type_: str) -> str:
    return group_kind(type_) if type_.startswith("kubernetes:") else type_


def _pairs(before: Any, after: Any, path: Path) -> Iterator[tuple[Any, Any]]:
    """The values at ``path`` before and after the change. The items of a list are matched by name or id."""
    if not path:
        yield before, after
        return
    step, rest = path[0], path[1:]
    left, right = _items(before), _items(after)
    for key in dict.fromkeys([*left, *right]) if step == "*" else [step]:
        yield from _pairs(left.get(key), right.get(key), rest)


def _identity(item: Any, index: int) -> Any:
    fields = cast("dict[str, Any]", item) if isinstance(item, dict) else {}
    return fields.get("name") or fields.get("id") or index


def _items(value: Any) -> Mapping[Any, Any]:
    if isinstance(value, list):
        return {_identity(each, index): each for index, each in enumerate(cast("list[Any]", value))}
    return cast("dict[Any, Any]", value) if isinstance(value, dict) else {}


def _smaller(what: str) -> Answer:
    def answer(before: Any, after: Any) -> str:
        left, right = _size(before), _size(after)
        return f"{what} cannot shrink from {before} to {after}" if left is not None and right is not None and right < left else ""

    return answer


def _size(value: Any) -> Decimal | None:
    """A size such as ``10Gi`` or ``10G`` in bytes, or a plain number; ``None`` for any other value."""
    text = str(value)
    try:
        # This import is here because the settings import an SDK that most commands do not need.
        from components.settings.quantities import parse_quantity

        return parse_quantity(text)
    except ValueError:
        found = re.fullmatch(r"(\d+(?:\.\d+)?)([kMGTPE])", text)
        return Decimal(found[1]) * 1000 ** ("kMGTPE".index(found[2]) + 1) if found else None


def _immutable(why: str, *, once_set: bool = False) -> Answer:
    def answer(before: Any, _after: Any) -> str:
        return "" if once_set and before is None else why

    return answer


def _other_items(why: str) -> Answer:
    """Refuse another item at a position of a list; an item can be added at the end, or removed there."""

    def answer(before: Any, after: Any) -> str:
        return why if any(left != right for left, right in zip(before or (), after or (), strict=False)) else ""

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
        f"is downgraded to {after}: EKS accepts this only within 7 days of the upgrade, and only if no node is newer; "
        "a preview does not know the time of the upgrade (docs: Upgrading)"
    )


def _minor_step(before: Any, after: Any) -> int:
    left, right = _parts(before), _parts(after)
    return right[1] - left[1] if len(left) > 1 and len(right) > 1 and left[0] == right[0] else 0


def _downgraded(before: Any, after: Any) -> str:
    lower = _parts(after) and _parts(after) < _parts(before)
    return (
        f"is downgraded from {before} to {after}: objects that the newer version wrote may not work with the older version"
        if lower
        else ""
    )


def _parts(version: Any) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", str(version))] if version is not None else []


def _fewer_log_events(before: Any, after: Any) -> str:
    """The consequence of a shorter retention in days; an absent value and 0 mean that the events never expire."""
    left, right = (_number(each) or FOREVER for each in (before, after))
    return f"log events older than {after} days" if right < left else ""


def _backups_less(what: str, *, default: int = 0) -> Answer:
    """The consequence of a shorter retention of backups in days; 0 means no backups. ``default`` is the service's default."""

    def answer(before: Any, after: Any) -> str:
        left, right = (_number(default if each is None else each) or Decimal(0) for each in (before, after))
        return "" if right >= left else f"{what} older than {right:f} day{'' if right == 1 else 's'}" if right else f"all {what}"

    return answer


def _number(value: Any) -> Decimal | None:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None


def _fewer_versions(_before: Any, after: Any) -> str:
    return "the previous version of each object that changes from now on" if after == "Suspended" else ""


def _switched_off(what: str, *, on_by_default: bool = False) -> Answer:
    def answer(before: Any, after: Any) -> str:
        left, right = (on_by_default if each is None else each in (True, "true") for each in (before, after))
        return what if left and not right else ""

    return answer


def _still_immutable(kind: str) -> Answer:
    return _switched_off(f"an immutable {kind} cannot become mutable: create one with another name")


def _suspended(before: Any, after: Any) -> str:
    return "versioning cannot be disabled again: set it to Suspended" if before and after in (None, "Disabled") else ""


def _back_to_map(before: Any, after: Any) -> str:
    order = ["CONFIG_MAP", "API_AND_CONFIG_MAP", "API"]
    if before in order and after in order and order.index(after) < order.index(before):
        return f"the authentication mode cannot change back from {before} to {after}"
    return ""


def _bounds(_before: Any, scaling: Any) -> str:
    least, most = (_number(cast("dict[str, Any]", scaling).get(key)) if isinstance(scaling, dict) else None for key in _BOUNDS)
    return f"minSize {least} is greater than maxSize {most}" if least is not None and most is not None and least > most else ""


_BOUNDS = ("minSize", "maxSize")


def _no_version(before: Any, after: Any) -> str:
    return "" if after or not before else f"has no version any more: the cluster stays at {before} until EKS upgrades it"


def _expiring_items(before: Any, after: Any) -> str:
    """The items that DynamoDB deletes because the table gets a time to live, or another attribute for the time to live."""
    left, right = (cast("dict[str, Any]", each) if isinstance(each, dict) else {} for each in (before, after))
    on = right.get("enabled") in (True, "true")
    same = left.get("enabled") in (True, "true") and left.get("attributeName") == right.get("attributeName")
    return f"items whose attribute {right.get('attributeName')} is a time in the past" if on and not same else ""


def _has_administrator(policy: Any) -> bool:
    """Whether a key policy allows a principal to change the key's policy."""
    content = policy
    if isinstance(policy, str):
        try:
            content = json.loads(policy)
        except ValueError:
            return True  # the provider refuses the policy, or the policy is not known yet
    listed: Any = cast("dict[str, Any]", content).get("Statement") if isinstance(content, dict) else None
    statements = cast("list[Any]", listed if isinstance(listed, list) else [listed])
    return any(_may_change_the_policy(cast("dict[str, Any]", each)) for each in statements if isinstance(each, dict))


def _may_change_the_policy(statement: Mapping[str, Any]) -> bool:
    if statement.get("Effect") != "Allow":
        return False
    named: Any = statement.get("Action", statement.get("NotAction"))
    actions = [str(each).lower() for each in cast("list[Any]", named if isinstance(named, list) else [named])]
    return ("NotAction" in statement) is not any(fnmatchcase("kms:putkeypolicy", each) for each in actions)


def _locks_out(_before: Any, inputs: Any) -> str:
    """The reason why AWS refuses the key's policy. AWS does not check the policy with ``bypassPolicyLockoutSafetyCheck``."""
    policy = cast("dict[str, Any]", inputs).get("policy")
    if not policy or _has_administrator(policy) or cast("dict[str, Any]", inputs).get("bypassPolicyLockoutSafetyCheck"):
        return ""
    return "the key's policy allows no principal kms:PutKeyPolicy, so the policy could never be changed again"


def _locked_out(_before: Any, inputs: Any) -> str:
    """The loss of control of the key, which is possible only with ``bypassPolicyLockoutSafetyCheck``."""
    given = cast("dict[str, Any]", inputs)
    locked = given.get("policy") and given.get("bypassPolicyLockoutSafetyCheck") and not _has_administrator(given["policy"])
    return "control of the key: its policy allows no principal kms:PutKeyPolicy" if locked else ""


_CLAIM = "a claim's spec cannot change, except for its size"

REFUSED: Mapping[str, tuple[Consequence, ...]] = {
    "aws:ebs/volume:Volume": (Consequence("size", _smaller("a volume")),),
    "aws:eks/cluster:Cluster": (
        Consequence("version", _kubernetes("EKS")),
        Consequence("accessConfig.authenticationMode", _back_to_map),
    ),
    "aws:eks/nodeGroup:NodeGroup": (
        Consequence("version", _kubernetes("a node group")),
        Consequence("scalingConfig", _bounds, always=True),
    ),
    "aws:elasticache/replicationGroup:ReplicationGroup": (Consequence("engineVersion", _version("the engine")),),
    "aws:fsx/lustreFileSystem:LustreFileSystem": (Consequence("storageCapacity", _smaller("a file system")),),
    "aws:kms/key:Key": (Consequence("", _locks_out, always=True),),
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
    "core/ConfigMap": (Consequence("immutable", _still_immutable("ConfigMap")),),
    "core/PersistentVolume": (
        Consequence("spec.capacity.storage", _smaller("a volume")),
        *(
            Consequence(f"spec.{name}", _immutable(f"the {name} of a PersistentVolume cannot change"))
            for name in ("csi", "hostPath", "nfs", "local", "awsElasticBlockStore", "nodeAffinity")
        ),
    ),
    "core/PersistentVolumeClaim": (
        Consequence("spec.resources.requests.storage", _smaller("a claim")),
        Consequence("spec.resources.limits", _immutable(_CLAIM)),
    ),
    "core/Secret": (Consequence("immutable", _still_immutable("Secret")),),
    "core/Service": (
        Consequence("spec.clusterIPs", _other_items("a Service's addresses cannot change")),
        Consequence("spec.ipFamilies", _other_items("a Service's address families cannot change")),
        Consequence("spec.loadBalancerClass", _immutable("a Service's load balancer class cannot change", once_set=True)),
    ),
    "elbv2.k8s.aws/TargetGroupBinding": tuple(
        Consequence(f"spec.{name}", _immutable(f"the load balancer controller refuses another {name}", once_set=True))
        for name in ("targetGroupARN", "targetGroupName", "targetType", "vpcID")
    ),
    "networking.k8s.io/IngressClass": (Consequence("spec.controller", _immutable("an IngressClass' controller cannot change")),),
}
"""By type: changes that the service rejects although the provider sends them as in-place changes."""


_POD_SPECS = {
    **dict.fromkeys(("apps/DaemonSet", "apps/Deployment", "apps/StatefulSet"), "spec.template.spec"),
    "core/Pod": "spec",
}
"""The path of the pod's spec, for each type whose pods keep running or hold data."""


def _of_pods(template: str) -> tuple[Consequence, ...]:
    return (
        Consequence(template, _contents.unmounted),
        *(
            Consequence(f"{template}.containers.*.args", answer)
            for answer in (_contents.fewer_metrics, _contents.other_folders, _contents.lost_by_redis)
        ),
    )


LOST_IN_PLACE: Mapping[str, tuple[Consequence, ...]] = {
    "aws:cloudwatch/logGroup:LogGroup": (Consequence("retentionInDays", _fewer_log_events),),
    "aws:dynamodb/table:Table": (
        Consequence("pointInTimeRecovery.enabled", _switched_off("its continuous backups")),
        Consequence("ttl", _expiring_items),
    ),
    "aws:elasticache/replicationGroup:ReplicationGroup": (Consequence("snapshotRetentionLimit", _backups_less("snapshots")),),
    "aws:kms/key:Key": (
        Consequence("isEnabled", _switched_off("access to everything encrypted with it", on_by_default=True)),
        Consequence("", _locked_out),
    ),
    "aws:rds/cluster:Cluster": (Consequence("backupRetentionPeriod", _backups_less("backups", default=1)),),
    "aws:rds/instance:Instance": (Consequence("backupRetentionPeriod", _backups_less("backups")),),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": (Consequence("rules", _expiry.deleted_earlier),),
    "aws:s3/bucketVersioning:BucketVersioning": (Consequence("versioningConfiguration.status", _fewer_versions),),
    **{type_: _of_pods(path) for type_, path in _POD_SPECS.items()},
    "core/ConfigMap": (Consequence("data.*", _contents.lost_by_redis),),
}
"""By type: the data that a change deletes, or makes unreachable, although the resource is not deleted."""

TO_WATCH: Mapping[str, tuple[Consequence, ...]] = {
    "aws:eks/addon:Addon": (Consequence("addonVersion", _downgraded),),
    "aws:eks/cluster:Cluster": (Consequence("version", _rolled_back), Consequence("version", _no_version)),
    **{type_: (Consequence(path, _contents.emptied),) for type_, path in _POD_SPECS.items()},
}
"""By type: changes that the service can accept, but that can cause a failure later."""
