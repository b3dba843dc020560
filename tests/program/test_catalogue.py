"""The catalogue of resource types agrees with the embedded providers, which are tested against the services."""

from __future__ import annotations

import importlib
import pkgutil
import re

import pytest
from policies_worlds import World

import policies
from embedded_cloud.providers.aws.types import TYPES
from program import types
from program.catalogue import AWS, DOCKER, KUBERNETES, Replaces, ResourceType, group_kind, loses, outputs, replaces, secrets
from program.paths import Item, covers, parse, text
from tools import policies_reference, types_reference

DIFFERENT: dict[tuple[str, str], str] = {
    ("aws:cloudwatch/logGroup:LogGroup", "kmsKeyId"): "moto accepts no key for an existing group; AWS does (AssociateKmsKey)",
    ("aws:ec2/vpcEndpoint:VpcEndpoint", "privateDnsEnabled"): "moto accepts no change of private DNS; AWS does (ModifyVpcEndpoint)",
    ("aws:iam/openIdConnectProvider:OpenIdConnectProvider", "clientIdLists"): "moto cannot add a client; AWS can",
    ("aws:acm/certificateValidation:CertificateValidation", "validationRecordFqdns"): "only the wait's input: a new wait starts",
    ("aws:route53/record:Record", "type"): "the official provider replaces the record in one request, so it is NOT_KNOWN",
}
"""Where the embedded provider differs from AWS, by type and input, with the reason."""


IDENTITY = ("metadata.name", "metadata.namespace")
REPLACING = {
    "apps/DaemonSet": ("spec.selector",),
    "apps/Deployment": ("spec.selector",),
    "apps/StatefulSet": ("spec.selector", "spec.serviceName", "spec.podManagementPolicy", "spec.volumeClaimTemplates"),
    "batch/Job": ("spec.completions", "spec.parallelism", "spec.selector", "spec.template"),
    "core/PersistentVolumeClaim": (*("spec.accessModes", "spec.selector", "spec.storageClassName", "spec.volumeName"),),
    "core/Secret": ("type",),
    "core/Service": ("spec.clusterIP",),
    "rbac.authorization.k8s.io/ClusterRoleBinding": ("roleRef",),
    "rbac.authorization.k8s.io/RoleBinding": ("roleRef",),
    "storage.k8s.io/StorageClass": ("parameters", "provisioner", "volumeBindingMode"),
}
"""The inputs whose change replaces an object in the official provider: ``forceNew`` in its provider/pkg/provider/diff.go."""
DATA = {"core/ConfigMap": ("binaryData", "data"), "core/Secret": ("data", "stringData")}
"""The inputs whose change replaces an object unless the provider's option for the kind makes it mutable."""


def effect_of(type_: str, name: str) -> Replaces:
    return replaces(type_, parse(name))


IN_CATALOGUE = sorted(token for token in TYPES if token in AWS)


def test_the_catalogue_has_every_type_of_the_embedded_provider() -> None:
    """A missing type would always be reported as `not known`."""
    assert {token for token in TYPES if token not in AWS or not (AWS[token].replaces or AWS[token].in_place)} == set()


@pytest.mark.parametrize("token", IN_CATALOGUE)
def test_an_input_that_replaces_in_the_embedded_provider_replaces_in_the_catalogue(token: str) -> None:
    different = {name for type_, name in DIFFERENT if type_ == token}
    assert {name for name in TYPES[token].replace_on - different if effect_of(token, name) is not Replaces.YES} == set()


@pytest.mark.parametrize("token", IN_CATALOGUE)
def test_an_input_that_changes_in_place_in_the_embedded_provider_does_not_replace(token: str) -> None:
    different = {name for type_, name in DIFFERENT if type_ == token}
    assert {name for name in TYPES[token].updatable - different if effect_of(token, name) is Replaces.YES} == set()


@pytest.mark.parametrize(("token", "name"), DIFFERENT, ids=lambda each: each.rsplit(":", 1)[-1])
def test_each_difference_still_exists(token: str, name: str) -> None:
    embedded = Replaces.YES if name in TYPES[token].replace_on else Replaces.NO
    assert effect_of(token, name) is not embedded


@pytest.mark.parametrize(("kind", "path"), [(kind, path) for kind, listed in REPLACING.items() for path in listed])
def test_an_immutable_kubernetes_field_replaces_its_object(kind: str, path: str) -> None:
    group, name = kind.split("/")
    assert effect_of(f"kubernetes:{group}/v1:{name}", path) is Replaces.YES


@pytest.mark.parametrize("path", IDENTITY)
def test_a_changed_name_or_namespace_replaces_the_object(path: str) -> None:
    assert effect_of("kubernetes:any/v1:Kind", path) is Replaces.YES


@pytest.mark.parametrize(("kind", "path"), [(kind, path) for kind, listed in DATA.items() for path in listed])
def test_data_changes_in_place_because_of_the_providers_options(kind: str, path: str) -> None:
    group, name = kind.split("/")
    assert effect_of(f"kubernetes:{group}/v1:{name}", f"{path}.key") is Replaces.NO


@pytest.mark.parametrize("entry", [*AWS.values(), *KUBERNETES.values()], ids=[*AWS, *KUBERNETES])
def test_no_input_both_replaces_and_changes_in_place(entry: ResourceType) -> None:
    specific = [path for path in entry.in_place_paths if path != parse("*")]
    assert [path for path in specific for other in entry.replacing_paths if covers(other, path)] == []


@pytest.mark.parametrize(
    ("type_", "path"),
    [
        ("aws:ec2/subnet:Subnet", "assignIpv6AddressOnCreation"),
        ("aws:made/up:Up", "anything"),
        ("kubernetes:elbv2.k8s.aws/v1beta1:TargetGroupBinding", "spec.targetGroupARN"),
        ("docker:index/container:Container", "image"),
        ("pulumi:providers:aws", "assumeRoles"),
    ],
)
def test_an_input_without_an_entry_is_not_known(type_: str, path: str) -> None:
    assert effect_of(type_, path) is Replaces.NOT_KNOWN


NAMED = [each for name, each in vars(types).items() if name.isupper()]


@pytest.mark.parametrize("token", sorted({*AWS, *DOCKER, *(each for each in NAMED if each.startswith(("aws:", "docker:")))}))
def test_every_type_exists_in_its_sdk(token: str) -> None:
    """A typo would lose data without a warning."""
    package, module, name = re.split("[:/]", token)[0], token.split(":")[1].split("/")[0], token.rpartition(":")[2]
    package = package.replace("-", "_")
    found = importlib.import_module(f"pulumi_{package}" if module == "index" else f"pulumi_{package}.{module}")
    assert hasattr(found, name)


CUSTOM = ("elbv2.k8s.aws", "monitoring.coreos.com")
"""Groups of custom resources, for which the SDK has no classes."""

KINDS = {*KUBERNETES, *(group_kind(each) for each in NAMED if each.startswith("kubernetes:"))}


@pytest.mark.parametrize("kind", sorted(each for each in KINDS if not each.startswith(CUSTOM)))
def test_every_kind_exists_in_its_sdk(kind: str) -> None:
    group, name = kind.split("/")
    package = importlib.import_module(f"pulumi_kubernetes.{group.partition('.')[0]}")
    versions = [each.name for each in pkgutil.iter_modules(package.__path__) if re.match(r"v\d", each.name)]
    assert any(hasattr(importlib.import_module(f"{package.__name__}.{version}"), name) for version in versions)


def test_a_kind_has_one_entry_for_all_api_versions() -> None:
    assert loses("kubernetes:apps/v1:StatefulSet", {}) == loses("kubernetes:apps/v1beta2:StatefulSet", {}) != ""
    assert group_kind("kubernetes:core/v1:Secret") == "core/Secret"


def test_the_description_of_a_loss_states_whether_the_deletion_succeeds() -> None:
    assert loses("aws:s3/bucket:Bucket", {}) == "its objects and their versions"
    assert loses("aws:s3/bucket:Bucket", {"forceDestroy": True}).endswith("(forceDestroy is true, so the deletion succeeds)")
    assert loses("aws:ec2/route:Route", {"forceDestroy": True}) == ""


def test_outputs_are_the_inputs_completed_at_any_depth() -> None:
    found = outputs("aws:eks/cluster:Cluster", "one", {"name": "given", "vpcConfig": {"subnetIds": ["a"]}})
    assert found["name"] == "given"
    assert found["arn"].endswith(":one")
    assert found["vpcConfig"] == {"subnetIds": ["a"], "clusterSecurityGroupId": "sg-cluster"}
    assert outputs("kubernetes:core/v1:Secret", "one", {"type": "Opaque"}) == {"type": "Opaque"}


def test_the_data_of_a_kubernetes_secret_is_always_secret() -> None:
    assert secrets("kubernetes:core/v1:Secret") == ("data", "stringData")
    assert secrets("kubernetes:core/v1:ConfigMap") == ()


@pytest.mark.parametrize(
    ("pattern", "path", "covered"),
    [
        ("spec.selector", ("spec", "selector", "matchLabels", "app"), True),
        ("spec.selector", ("spec", "template"), False),
        ("spec", ("specification",), False),
        ("actions[0].forward.targetGroups[*].weight", ("actions", 0, "forward", "targetGroups", 1, "weight"), True),
        ("actions[0].forward.targetGroups[*].weight", ("actions", 0, "forward", "targetGroups", 1, "arn"), False),
        ("spec.containers[0].image", ("spec", "containers", Item("app"), "image"), True),
        ("spec.containers.image", ("spec", "containers", Item("app"), "image"), True),
        ("spec.selector.app", ("spec", "selector"), False),
    ],
)
def test_a_pattern_covers_the_paths_below_it(pattern: str, path: tuple[str | int, ...], covered: bool) -> None:
    assert covers(parse(pattern), path) is covered


@pytest.mark.parametrize("path", ["spec.containers[0].image", 'data["users.acl"]', "tags[*]", 'a["x\\"y"].b'])
def test_paths_are_unchanged_after_a_round_trip_through_text(path: str) -> None:
    assert parse(text(parse(path)).replace(".*", "[*]")) == parse(path)


def test_one_entry_is_all_that_a_new_type_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    token = "aws:invented/thing:Thing"
    world = World()
    world.add(token, "thing")

    def unknown() -> bool:
        return "types-known" in {each.rule for each in policies.check(world.resources(), "production")}

    assert (unknown(), policies.unpriced(world.resources())) == (True, [token])
    entry = ResourceType(
        replaces="name",
        loses="its messages",
        holds_data=True,
        billed="by use",
        reviewed="has no policy of its own",
        import_id="its URL",
    )
    monkeypatch.setitem(AWS, token, entry)  # pyright: ignore[reportArgumentType]
    assert (effect_of(token, "name"), loses(token, {})) == (Replaces.YES, "its messages")
    assert (unknown(), policies.unpriced(world.resources())) == (False, [])
    assert f"| `{token}` | has no policy of its own |" in policies_reference.reference()
    assert f"| `{token}` | its URL | `aws_invented_thing` |" in types_reference.import_table()
    assert f'    "{token}",' in types_reference.protected_types()
