"""Changes that hide a problem, by intent or by mistake, each with what the preview must report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from recording import run_platform

from delivery.preview import comment, page
from delivery.preview._assessment import cost, warnings
from delivery.preview._comparison import compare as compare_graphs
from delivery.preview._masking import without_credentials
from delivery.preview.change import GraphNode, Kind, PolicyViolation, Preview, PropertyChange, ResourceChange, StackPreview
from delivery.preview.from_program import compare
from program.catalogue import Replaces
from program.catalogue._consequences import LOST_IN_PLACE, REFUSED, TO_WATCH, Consequence
from program.evaluation import Worlds
from program.graph import Graph, Resource
from program.protocol import UNKNOWN

TOKEN = "glpat-" + "aB3" * 7
PROVIDER = "urn:pulumi:staging::dwcp-v3::pulumi:providers:aws::aws"


def resource(
    type_: str, name: str = "it", /, *, provider: str = "", depends: Mapping[str, str] | None = None, **inputs: Any
) -> Resource:
    return Resource(
        urn=f"urn:pulumi:staging::dwcp-v3::{type_}::{name}",
        type=type_,
        name=name,
        inputs=inputs,
        provider=f"{provider}::id" if provider else "",
        property_dependencies={key: (urn,) for key, urn in (depends or {}).items()},
    )


def graph(*resources: Resource, exports: Mapping[str, Any] | None = None) -> Graph:
    return Graph(stack="staging", resources=resources, invokes=(), exports=dict(exports or {}))


def changed(type_: str, before: dict[str, Any], after: dict[str, Any]) -> ResourceChange:
    [found] = compare_graphs(graph(resource(type_, **before)), graph(resource(type_, **after)))
    return found


def whole(base: Graph, head: Graph) -> Preview:
    stack = compare("staging", Worlds(known=base, unknown=base), Worlds(known=head, unknown=head))
    return without_credentials(Preview(base="main (1)", head="change (2)", source="program", stacks=(stack,)))


def everywhere(preview: Preview) -> str:
    """All three formats in one text."""
    return comment.render(preview) + preview.to_json().decode() + page.render(preview)


# ---- what is created is shown


def test_inputs_of_what_is_created_and_deleted_and_outputs_are_shown() -> None:
    rule = resource("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", cidrIpv4="0.0.0.0/0", fromPort=22)
    there = whole(graph(), graph(rule, exports={"url": "https://new.example.com"}))
    back = whole(graph(rule, exports={"url": "https://new.example.com"}), graph())
    for preview, words in ((there, ("create", "0.0.0.0/0", "https://new.example.com")), (back, ("delete", "0.0.0.0/0"))):
        assert all(word in comment.render(preview) for word in words)
        assert all(word in preview.to_json().decode() for word in words)
        assert all(word in page.render(preview) for word in words)


def test_a_whole_stack_that_is_created_still_fits_a_comment() -> None:
    head = run_platform("production")
    preview = whole(graph(), replace(head, stack="staging"))
    assert len(comment.render(preview)) <= comment.LIMIT
    [stack] = preview.stacks
    assert all(each.properties for each in stack.changes if each.type == "aws:ec2/subnet:Subnet")


# ---- what the API would refuse, and what is lost in place

CLAIM = "kubernetes:core/v1:PersistentVolumeClaim"
CLUSTER = "aws:eks/cluster:Cluster"


def claim(size: str) -> dict[str, Any]:
    return {"spec": {"resources": {"requests": {"storage": size}}}}


@pytest.mark.parametrize(
    ("type_", "before", "after", "why"),
    [
        (CLAIM, claim("10Gi"), claim("5Gi"), "a claim cannot shrink from 10Gi to 5Gi"),
        (CLAIM, claim("10Gi"), claim("10G"), "a claim cannot shrink from 10Gi to 10G"),
        ("aws:ebs/volume:Volume", {"size": 100}, {"size": 20}, "a volume cannot shrink from 100 to 20"),
        ("aws:rds/instance:Instance", {"engineVersion": "16.3"}, {"engineVersion": "15.7"}, "the engine cannot be downgraded"),
        (
            CLUSTER,
            {"version": "1.35"},
            {"version": "1.33"},
            "EKS can be downgraded by at most one minor version, not from 1.35 to 1.33",
        ),
        (CLUSTER, {"version": "1.33"}, {"version": "1.35"}, "EKS is upgraded by one minor version at a time"),
        (
            "kubernetes:elbv2.k8s.aws/v1beta1:TargetGroupBinding",
            {"spec": {"targetGroupARN": "a"}},
            {"spec": {"targetGroupARN": "b"}},
            "the load balancer controller refuses another targetGroupARN",
        ),
        (
            "aws:s3/bucketVersioning:BucketVersioning",
            {"versioningConfiguration": {"status": "Enabled"}},
            {"versioningConfiguration": {"status": "Disabled"}},
            "versioning cannot be disabled again",
        ),
    ],
)
def test_a_change_that_the_api_refuses_has_the_reason(type_: str, before: Any, after: Any, why: str) -> None:
    found = changed(type_, before, after)
    assert [why in each for each in found.refused] == [True]
    stack = StackPreview(stack="staging", changes=(found,))
    assert stack.failed
    said = comment.render(Preview(base="b", head="h", source="program", stacks=(stack,)))
    assert "AWS or Kubernetes will refuse these changes" in said
    assert why in said


@pytest.mark.parametrize(
    ("type_", "before", "after"),
    [(CLAIM, claim("5Gi"), claim("10Gi")), (CLUSTER, {"version": "1.34"}, {"version": "1.35"})],
)
def test_what_the_api_takes_is_not_refused(type_: str, before: Any, after: Any) -> None:
    assert changed(type_, before, after).refused == ()


@pytest.mark.parametrize(
    ("type_", "before", "after", "lost"),
    [
        ("aws:cloudwatch/logGroup:LogGroup", {"retentionInDays": 365}, {"retentionInDays": 7}, "log events older than 7 days"),
        ("aws:cloudwatch/logGroup:LogGroup", {}, {"retentionInDays": 30}, "log events older than 30 days"),
        ("aws:rds/instance:Instance", {"backupRetentionPeriod": 14}, {"backupRetentionPeriod": 0}, "all backups"),
        ("aws:rds/cluster:Cluster", {"backupRetentionPeriod": 14}, {}, "backups older than 1 day"),
        (
            "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
            {"rules": [{"id": "old", "noncurrentVersionExpiration": {"noncurrentDays": 90}}]},
            {"rules": [{"id": "old", "noncurrentVersionExpiration": {"noncurrentDays": 30}}]},
            "noncurrent versions older than 30 days",
        ),
        ("aws:kms/key:Key", {"isEnabled": True}, {"isEnabled": False}, "access to everything encrypted with it"),
    ],
)
def test_a_loss_without_a_replacement_is_listed_as_a_loss(type_: str, before: Any, after: Any, lost: str) -> None:
    found = changed(type_, before, after)
    assert found.kind is Kind.UPDATE
    assert lost in found.loses
    assert found.risky
    assert "Lost permanently" in comment.render(
        Preview(base="b", head="h", source="program", stacks=(StackPreview(stack="staging", changes=(found,)),))
    )


def test_keeping_more_loses_nothing() -> None:
    assert changed("aws:cloudwatch/logGroup:LogGroup", {"retentionInDays": 7}, {"retentionInDays": 365}).loses == ""


def test_a_version_near_its_end_is_a_warning() -> None:
    head = graph(resource(CLUSTER, version="1.34"))
    changes = compare_graphs(graph(resource(CLUSTER, version="1.33")), head)
    assert warnings(head, changes, date(2026, 11, 24)) == ("it: standard support of Kubernetes 1.34 ends on 2026-12-02",)
    assert warnings(head, changes, date(2026, 1, 1)) == ()
    assert warnings(head, (), date(2026, 11, 24)) == ()


# ---- a provider is a part of its resources


def with_provider(**settings: Any) -> Graph:
    zone = f"{settings.get('region', 'us-east-1')}a"
    vpc = resource("aws:ec2/vpc:Vpc", "vpc", provider=PROVIDER, cidrBlock="10.0.0.0/16")
    subnet = resource(
        "aws:ec2/subnet:Subnet",
        "subnet",
        provider=PROVIDER,
        depends={"vpcId": vpc.urn},
        vpcId="vpc-id",
        cidrBlock="10.0.0.0/24",
        availabilityZone=zone,
    )
    return graph(resource("pulumi:providers:aws", "aws", **{"region": "us-east-1", **settings}), vpc, subnet)


def test_another_region_replaces_everything_on_it() -> None:
    found = compare_graphs(with_provider(), with_provider(region="eu-west-1"))
    assert {each.name: each.kind for each in found if each.name != "aws"} == {"vpc": Kind.REPLACE, "subnet": Kind.REPLACE}
    assert next(each for each in found if each.name == "vpc").loses == "the network and everything in it"


@pytest.mark.parametrize("setting", [{"assumeRoles": [{"roleArn": "arn:aws:iam::2:role/x"}]}, {"sharedConfigFiles": ["other"]}])
def test_another_account_may_replace_everything_on_it(setting: dict[str, Any]) -> None:
    found = compare_graphs(with_provider(), with_provider(**setting))
    assert {each.name: each.may_replace for each in found} == {"aws": True, "vpc": True, "subnet": True}


def test_other_tags_of_a_provider_replace_nothing() -> None:
    found = compare_graphs(with_provider(), with_provider(defaultTags={"tags": {"owner": "x"}}))
    assert [(each.name, each.kind) for each in found] == [("aws", Kind.UPDATE)]


def test_our_platform_in_another_region_is_replaced() -> None:
    base, head = (run_platform("production", environment={"region": region}) for region in ("us-east-1", "eu-west-1"))
    found = compare_graphs(base, head)
    touched = {each.urn for each in found}
    assert [each.name for each in head.resources if each.type.startswith("aws:") and each.urn not in touched] == []
    assert next(each for each in found if each.type == CLUSTER).kind is Kind.REPLACE
    assert {each.kind for each in found if each.type.startswith("kubernetes:apps/")} == {Kind.REPLACE}


def test_a_subnet_cannot_leave_its_network() -> None:
    base, head = with_provider(), with_provider()
    moved = replace(
        head.resources[2], inputs={**head.resources[2].inputs, "cidrBlock": "10.9.0.0/24"}, name="other", urn="urn:x::y::z::other"
    )
    [change] = [each for each in compare_graphs(base, graph(*head.resources, moved)) if each.name == "other"]
    assert change.refused == ("the block 10.9.0.0/24 is not in 10.0.0.0/16, the block of the subnet's VPC",)


# ---- secrets


@pytest.mark.parametrize(
    "inputs",
    [
        {"environment": {"API_TOKEN": "hunter2hunter2"}},
        {"data": {"app.ini": "[db]\npassword = hunter2hunter2\nhost = db\n"}},
        {"args": ["--requirepass", "hunter2hunter2"]},
        {"note": f"use {TOKEN} until May"},
        {"url": "redis://:hunter2hunter2@redis:6379/0"},
    ],
)
@pytest.mark.parametrize("direction", ["created", "deleted", "changed"])
def test_a_credential_is_masked_wherever_it_is_printed(inputs: dict[str, Any], direction: str) -> None:
    there, without = graph(resource("made:up:Up", **inputs), exports=inputs), graph(resource("made:up:Up"))
    base, head = {"created": (graph(), there), "deleted": (there, graph()), "changed": (without, there)}[direction]
    said = everywhere(whole(base, head))
    assert "hunter2" not in said
    assert TOKEN not in said
    assert "[secret]" in said


def test_a_credential_in_an_error_is_masked() -> None:
    stack = StackPreview(stack="staging", problem=f"the program raised ValueError: {TOKEN} is wrong")
    assert TOKEN not in everywhere(without_credentials(Preview(base="b", head="h", source="program", stacks=(stack,))))


# ---- the comment


def violation(number: int, name: str = "web") -> PolicyViolation:
    message = f"violation {number}"
    return PolicyViolation(policy=f"rule-{number}", level="mandatory", name=name, type="a:b:Deployment", message=message, new=True)


def test_twenty_findings_of_one_object_are_one_row() -> None:
    stack = StackPreview(stack="staging", violations=(*map(violation, range(20)), violation(1, "other")))
    said = comment.render(Preview(base="b", head="h", source="program", stacks=(stack,)))
    rows = [line for line in said.splitlines() if line.startswith("| ❌")]
    assert len(rows) == 2
    assert "violation 0" in rows[0]
    assert "and 15 more" in rows[0]


def test_one_change_is_not_folded() -> None:
    change = ResourceChange(
        kind=Kind.UPDATE,
        urn="u",
        type="t:u:T",
        name="n",
        properties=(PropertyChange(path="size", before=1, after=2, replaces=Replaces.NO),),
    )
    render: Callable[..., str] = lambda *changes: comment.render(  # noqa: E731
        Preview(base="b", head="h", source="program", stacks=(StackPreview(stack="staging", changes=changes),))
    )
    assert "<details>" not in render(change)
    assert "`size`: `1` → `2`" in render(change)
    assert "<details>" in render(change, replace(change, urn="v"))


def test_a_credential_in_a_message_or_a_name_is_masked() -> None:
    token = "ghp_" + "aB3d" * 9
    violation = PolicyViolation(policy="p", level="mandatory", name=token, message="password=hunter2hunter2 is bad", new=True)
    change = ResourceChange(kind=Kind.CREATE, urn=f"urn::{token}", type="t", name=token)
    node = GraphNode(urn=f"urn::{token}", type="t", name=token, parent="", dependencies=(), kind=None, custom=True)
    stack = StackPreview(stack="s", changes=(change,), violations=(violation,), nodes=(node,), notes=(f"see {token}",))
    printed = everywhere(without_credentials(Preview(base="b", head="h", source="program", stacks=(stack,))))
    assert "hunter2" not in printed
    assert token not in printed
    assert "password=[secret] is bad" in printed


# ---- the cost of what has no price


def test_what_has_no_price_is_named_in_the_cost_line() -> None:
    preview = whole(graph(), graph(resource("aws:rds/instance:Instance", instanceClass="db.m7g.4xlarge")))
    assert "the estimate does not include `aws:rds/instance:Instance`" in comment.render(preview)
    assert '"unpriced"' in page.render(preview)


CLAIM = [{"name": "data", "persistentVolumeClaim": {"claimName": "redis"}}]
SAMPLES: dict[str, tuple[Any, Any]] = {
    "size": (100, 20),
    "version": ("1.35", "1.33"),
    "accessConfig.authenticationMode": ("API", "CONFIG_MAP"),
    "engineVersion": ("16.3", "15.7"),
    "storageCapacity": (1200, 600),
    "allocatedStorage": (100, 20),
    "versioningConfiguration.status": ("Enabled", "Disabled"),
    "spec.capacity.storage": ("10Gi", "5Gi"),
    "spec.resources.requests.storage": ("10Gi", "5Gi"),
    "spec.clusterIPs": (["10.0.0.1"], ["10.0.0.2"]),
    "spec.ipFamilies": (["IPv4"], ["IPv6"]),
    "retentionInDays": (365, 7),
    "pointInTimeRecovery.enabled": (True, False),
    "snapshotRetentionLimit": (7, 1),
    "isEnabled": (True, False),
    "backupRetentionPeriod": (14, 7),
    "rules": (None, [{"status": "Enabled", "expiration": {"date": "2027-01-01"}}]),
    "ttl": (None, {"enabled": True, "attributeName": "until"}),
    "immutable": (True, False),
    "scalingConfig": ({"minSize": 1, "maxSize": 3}, {"minSize": 4, "maxSize": 3}),
    "spec": ({"volumes": CLAIM}, {"volumes": [{"name": "data", "emptyDir": {}}]}),
    "spec.template.spec": ({"volumes": CLAIM}, {"volumes": [{"name": "data", "emptyDir": {}}]}),
    "spec.containers.*.args": (["--storage.tsdb.retention.time=15d"], ["--storage.tsdb.retention.time=3d"]),
    "spec.template.spec.containers.*.args": (["--storage.tsdb.retention.time=15d"], ["--storage.tsdb.retention.time=3d"]),
    "data.*": ("appendonly yes\ndir /data\n", "appendonly yes\ndir /data\nappenddirname aof\n"),
    "addonVersion": ("v1.19.2-eksbuild.1", "v1.18.0-eksbuild.1"),
}
TEMPORARY = {"containers": [{"name": "it", "volumeMounts": [{"name": "t", "mountPath": "/tmp"}]}]}
ELSEWHERE = {"containers": [{"name": "it", "volumeMounts": [{"name": "t", "mountPath": "/var/tmp"}]}]}
"""A change for each property of the tables; any other property gets another text."""


def consequences(table: Mapping[str, tuple[Consequence, ...]]) -> list[tuple[str, str]]:
    return [(type_, each.path) for type_, listed in table.items() for each in listed if each.path]


def with_inputs(path: str, value: Any) -> dict[str, Any]:
    """Inputs with one property; an item of a list has a name, by which both sides are compared."""
    key, _, rest = path.partition(".")
    if rest.startswith("*."):
        return {key: [{"id": "one", "name": "one", **with_inputs(rest[2:], value)}]}
    inner = with_inputs(rest, value) if rest else value
    return {} if inner is None else {key: inner}


def by_table(key: str, path: str, after: Any = None, before: Any = None) -> ResourceChange:
    group, _, kind = key.partition("/")
    token = key if key.startswith("aws:") else f"kubernetes:{group}/v1:{kind}"
    left, right = SAMPLES.get(path, ("a", "b"))
    left = before or left
    return changed(token, with_inputs(path, left), with_inputs(path, after or right))


@pytest.mark.parametrize(("key", "path"), consequences(REFUSED))
def test_every_refusal_of_the_table_is_said(key: str, path: str) -> None:
    found = by_table(key, path)
    assert (found.kind, len(found.refused)) == (Kind.UPDATE, 1)


@pytest.mark.parametrize(("key", "path"), consequences(LOST_IN_PLACE))
def test_every_loss_of_the_table_is_said(key: str, path: str) -> None:
    found = by_table(key, path, "Suspended" if path == "versioningConfiguration.status" else None)
    assert found.kind is Kind.UPDATE
    assert found.loses
    assert found.risky


@pytest.mark.parametrize(("key", "path"), consequences(TO_WATCH))
def test_what_can_fail_later_is_a_warning(key: str, path: str) -> None:
    before, after, part = {
        "version": (None, "1.34", "is downgraded to 1.34"),
        "addonVersion": (None, None, "is downgraded from v1.19.2-eksbuild.1 to v1.18.0-eksbuild.1"),
    }.get(path, (TEMPORARY, ELSEWHERE, "has no volume at /tmp in container it"))
    change = by_table(key, path, after, before)
    [said] = warnings(graph(), [change])
    assert part in said
    assert not change.refused


@pytest.mark.parametrize("mounts", [["/tmp", "/new"], ["/"], ["/tmp/"]])
def test_a_path_that_stays_mounted_is_no_warning(mounts: list[str]) -> None:
    after = {"containers": [{"name": "it", "volumeMounts": [{"name": "u", "mountPath": each} for each in mounts]}]}
    assert by_table("core/Pod", "spec", after, TEMPORARY).watch == ()


def test_a_volume_of_unknown_size_is_named_and_changes_no_sum() -> None:
    def volumes(size: Any) -> Graph:
        return graph(resource("aws:ebs/volume:Volume", "a", size=1000), resource("aws:ebs/volume:Volume", "b", size=size))

    found = cost(volumes(100), volumes(UNKNOWN))
    assert found is not None
    assert (found.before, found.after, found.changes) == (80.0, 80.0, ())
    assert found.unpriced == ("b, whose size is not known",)


LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
BUCKET = "aws:s3/bucket:Bucket"
KEY = "aws:kms/key:Key"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
ROOT = '{"Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::1:root"}, "Action": "kms:*", "Resource": "*"}]}'
READERS = '{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*"}]}'


def rules(*listed: dict[str, Any]) -> dict[str, Any]:
    return {"rules": [{"status": "Enabled", **each} for each in listed]}


def pods(*arguments: str, volumes: list[dict[str, Any]] | None = None, mount: dict[str, Any] | None = None) -> dict[str, Any]:
    container = {"name": "it", "args": list(arguments), "volumeMounts": [{"name": "data", **mount}] if mount else []}
    return {"spec": {"template": {"spec": {"containers": [container], "volumes": volumes or []}}}}


def conf(text: str) -> dict[str, Any]:
    return {"data": {"redis.conf": text.replace("; ", "\n") + "\n"}}


TIME, SIZE = "--storage.tsdb.retention.time", "--storage.tsdb.retention.size"
OLD = {"id": "a", "noncurrentVersionExpiration": {"noncurrentDays": 30, "newerNoncurrentVersions": 50}}
LOST: dict[str, tuple[str, dict[str, Any], dict[str, Any], str]] = {
    "a new rule": (LIFECYCLE, rules(), rules({"id": "b", "expiration": {"days": 1}}), "objects older than 1 days"),
    "a rule is enabled": (
        *(LIFECYCLE, {"rules": [{"id": "a", "status": "Disabled", "expiration": {"days": 1}}]}),
        *(rules({"id": "a", "expiration": {"days": 1}}), "objects older than 1 days"),
    ),
    "a filter is dropped": (
        *(LIFECYCLE, rules({"id": "a", "filter": {"prefix": "tmp/"}, "expiration": {"days": 1}})),
        *(rules({"id": "a", "expiration": {"days": 1}}), "objects older than 1 days"),
    ),
    "a prefix is wider": (
        *(LIFECYCLE, rules({"filter": {"and": {"prefix": "tmp/a", "tags": {"x": "y"}}}, "expiration": {"days": 1}})),
        *(rules({"filter": {"prefix": "tmp/"}, "expiration": {"days": 1}}), "objects under tmp/ older than 1 days"),
    ),
    "fewer old versions": (
        *(LIFECYCLE, rules(OLD)),
        *(rules({"noncurrentVersionExpiration": {"noncurrentDays": 30, "newerNoncurrentVersions": 1}}), "the newest 1"),
    ),
    "the V2 type": (
        *("aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2", rules({"expiration": {"days": 90}})),
        *(rules({"expiration": {"days": 1}}), "older than 1 days"),
    ),
    "inline rules": (
        *(BUCKET, {"lifecycleRules": [{"enabled": True, "expiration": {"days": 90}}]}),
        *({"lifecycleRules": [{"enabled": True, "expiration": {"days": 1}}]}, "older than 1 days"),
    ),
    "inline versioning": (BUCKET, {"versioning": {"enabled": True}}, {"versioning": {"enabled": False}}, "the previous version"),
    "a claim becomes an empty folder": (
        *(DEPLOYMENT, pods(volumes=CLAIM), pods(volumes=[{"name": "data", "emptyDir": {}}]), "the data in claim redis"),
    ),
    "another claim": (
        *(DEPLOYMENT, pods(volumes=CLAIM)),
        *(pods(volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": "new"}}]), "the data in claim redis"),
    ),
    "another folder of a claim": (
        *(DEPLOYMENT, pods(volumes=CLAIM, mount={"mountPath": "/data"})),
        *(pods(volumes=CLAIM, mount={"mountPath": "/data", "subPath": "v2"}), "the data in claim redis"),
    ),
    "a claim is mounted elsewhere": (
        *(DEPLOYMENT, pods(volumes=CLAIM, mount={"mountPath": "/data"})),
        *(pods(volumes=CLAIM, mount={"mountPath": "/backup"}), "the data in claim redis for programs that use /data"),
    ),
    "a claim that stays is not mounted": (
        *(DEPLOYMENT, pods(volumes=CLAIM, mount={"mountPath": "/data"}), pods(volumes=CLAIM), "the data in claim redis, which"),
    ),
    "a claim template is mounted elsewhere": (
        *("kubernetes:apps/v1:StatefulSet", pods(mount={"mountPath": "/data"})),
        *(pods(mount={"mountPath": "/var/data"}), "the data in claim data for programs that use /data"),
    ),
    "Prometheus' retention is removed": (DEPLOYMENT, pods(f"{TIME}=90d"), pods("--log.level=info"), "metrics older than 15d"),
    "minutes": (DEPLOYMENT, pods(f"{TIME}=15d"), pods(f"{TIME}=30m"), "metrics older than 30m"),
    "two arguments": (DEPLOYMENT, pods(TIME, "1w1d"), pods(TIME, "1d"), "metrics older than 1d"),
    "no retention": (DEPLOYMENT, pods(f"{TIME}=90d"), pods(f"{TIME}=0d"), "metrics older than 15d"),
    "no size": (DEPLOYMENT, pods(f"{SIZE}=9GB"), pods(f"{SIZE}=0"), "metrics older than 15d"),
    "a size in GiB": (DEPLOYMENT, pods(f"{SIZE}=2GB"), pods(f"{SIZE}=1GiB"), "metrics beyond 1GiB"),
    "a size in parts": (DEPLOYMENT, pods(f"{SIZE}=2GB"), pods(f"{SIZE}=1.5GB256MB"), "metrics beyond 1.5GB256MB"),
    "a size is added": (DEPLOYMENT, pods("--log.level=info"), pods(f"{SIZE}=1GB"), "metrics beyond 1GB"),
    "Redis evicts": (
        *(CONFIG_MAP, conf("appendonly yes; maxmemory-policy noeviction")),
        *(conf("appendonly yes; maxmemory-policy allkeys-lru"), "maxmemory-policy allkeys-lru"),
    ),
    "Redis has less memory": (
        *(CONFIG_MAP, conf("maxmemory 2gb; maxmemory-policy allkeys-lru")),
        *(conf("maxmemory 256mb; maxmemory-policy allkeys-lru"), "keys beyond maxmemory 256mb"),
    ),
    "Redis by arguments": (
        DEPLOYMENT, pods("redis-server", "--appendonly", "yes"), pods("redis-server", "--appendonly", "no"), "all data of Redis"
    ),
    "Redis' last directive is removed": (CONFIG_MAP, conf("appendonly yes"), conf("save 60 1"), "all data of Redis"),
    "Redis' first directive is added": (CONFIG_MAP, conf("save 60 1"), conf("appendonly yes"), "all data of Redis"),
    "Redis' last argument is removed": (
        DEPLOYMENT, pods("redis-server", "--appendonly", "yes"), pods("redis-server"), "all data of Redis"
    ),
    "a time to live": (
        *("aws:dynamodb/table:Table", {"hashKey": "a"}),
        *({"hashKey": "a", "ttl": {"enabled": True, "attributeName": "until"}}, "items whose attribute until"),
    ),
    "a key without administrators": (
        *(KEY, {"policy": ROOT}),
        *({"policy": READERS, "bypassPolicyLockoutSafetyCheck": True}, "control of the key"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LOST)
def test_data_that_is_lost_in_place_is_said_however_it_is_written(name: str) -> None:
    type_, before, after, said = LOST[name]
    found = changed(type_, before, after)
    assert said in found.loses
    assert found.risky
    assert not found.refused


HARMLESS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "a later expiry": (LIFECYCLE, rules({"id": "a", "expiration": {"days": 1}}), rules({"id": "a", "expiration": {"days": 9}})),
    "another id": (LIFECYCLE, rules({"id": "a", "expiration": {"days": 1}}), rules({"id": "b", "expiration": {"days": 1}})),
    "a narrower scope": (
        LIFECYCLE, rules({"expiration": {"days": 1}}), rules({"filter": {"prefix": "tmp/"}, "expiration": {"days": 1}})
    ),
    "an expiry that is not known": (LIFECYCLE, rules(), rules({"expiration": {"days": UNKNOWN}})),
    "a rule that moves objects": (LIFECYCLE, rules(), rules({"transitions": [{"days": 1, "storageClass": "STANDARD_IA"}]})),
    "a file without Redis": (CONFIG_MAP, conf("log_level info"), conf("log_level debug")),
    "another unit": (DEPLOYMENT, pods(f"{SIZE}=2GB"), pods(f"{SIZE}=2048MiB")),
    "a second address family": (
        "kubernetes:core/v1:Service",
        {"spec": {"ipFamilies": ["IPv4"], "clusterIPs": ["10.0.0.1"]}},
        {"spec": {"ipFamilies": ["IPv4", "IPv6"], "clusterIPs": ["10.0.0.1", "fd00::1"]}},
    ),
    "a longer retention": (DEPLOYMENT, pods(f"{TIME}=15d"), pods(f"{TIME}=1y")),
    "a renamed volume": (
        *(DEPLOYMENT, pods(volumes=CLAIM, mount={"mountPath": "/data"})),
        pods(volumes=[{**CLAIM[0], "name": "other"}], mount={"name": "other", "mountPath": "/data"}),
    ),
    "a claim is mounted twice": (
        DEPLOYMENT,
        pods(volumes=CLAIM, mount={"mountPath": "/data"}),
        {"spec": {"template": {"spec": {"volumes": CLAIM, "containers": [
            {"name": "it", "args": [], "volumeMounts": [{"name": "data", "mountPath": each} for each in ("/data", "/new")]}
        ]}}}},
    ),
    "another empty folder": (
        DEPLOYMENT, pods(volumes=[{"name": "data", "emptyDir": {}}], mount={"mountPath": "/a"}), pods(volumes=[])
    ),
    "more memory": (CONFIG_MAP, conf("maxmemory 1gb; maxmemory-policy lfu"), conf("maxmemory 2gb; maxmemory-policy lfu")),
    "an administrator by another pattern": (KEY, {"policy": ROOT}, {"policy": ROOT.replace("kms:*", "kms:Put*")}),
}  # fmt: skip


@pytest.mark.parametrize("name", HARMLESS)
def test_a_change_that_loses_nothing_is_not_reported_as_a_loss(name: str) -> None:
    type_, before, after = HARMLESS[name]
    found = changed(type_, before, after)
    assert (found.loses, found.refused) == ("", ())


def test_an_immutable_object_is_replaced_and_stays_immutable() -> None:
    before = {"immutable": True, "data": {"a": "1"}}
    assert changed(CONFIG_MAP, before, {**before, "data": {"a": "2"}}).kind is Kind.REPLACE
    assert changed(CONFIG_MAP, {"data": {"a": "1"}}, {"data": {"a": "2"}}).kind is Kind.UPDATE
    assert "cannot become mutable" in str(changed(CONFIG_MAP, before, {"data": {"a": "1"}}).refused)


def test_a_key_policy_without_an_administrator_is_refused() -> None:
    assert "kms:PutKeyPolicy" in str(changed(KEY, {"policy": ROOT}, {"policy": '{"Statement": []}'}).refused)
    [created] = compare_graphs(graph(), graph(resource(KEY, policy=READERS)))
    assert "kms:PutKeyPolicy" in str(created.refused)


def test_a_lifecycle_that_is_created_for_an_existing_bucket_loses_its_objects() -> None:
    bucket = resource(BUCKET, "bucket")
    lifecycle = resource(LIFECYCLE, bucket="bucket", depends={"bucket": bucket.urn}, **rules({"expiration": {"days": 1}}))
    [found] = compare_graphs(graph(bucket), graph(bucket, lifecycle))
    assert (found.kind, found.loses, found.risky) == (Kind.CREATE, "objects older than 1 days", True)
    assert not any(each.loses for each in compare_graphs(graph(), graph(bucket, lifecycle)))


def test_a_node_group_is_not_newer_than_its_cluster() -> None:
    cluster, group = "aws:eks/cluster:Cluster", "aws:eks/nodeGroup:NodeGroup"
    own = resource(cluster, "own", version="1.34")

    def nodes(version: str) -> Resource:
        return resource(group, version=version, depends={"clusterName": own.urn})

    [found] = compare_graphs(graph(own, nodes("1.34")), graph(own, nodes("1.35")))
    assert "newer than its cluster's version 1.34" in str(found.refused)
    [created] = compare_graphs(graph(own), graph(own, nodes("1.33")))
    assert created.refused == ()


def test_a_cluster_without_a_version_is_a_warning() -> None:
    found = changed("aws:eks/cluster:Cluster", {"version": "1.34"}, {})
    assert warnings(graph(), [found]) == ("it has no version any more: the cluster stays at 1.34 until EKS upgrades it",)


def test_a_field_that_another_system_owns_has_no_consequence() -> None:
    before, after = (
        graph(replace(resource("aws:eks/nodeGroup:NodeGroup", scalingConfig=each), ignore_changes=("scalingConfig.minSize",)))
        for each in ({"minSize": 1, "maxSize": 3}, {"minSize": 5, "maxSize": 4})
    )
    [found] = compare_graphs(before, after)
    assert found.refused == ()
