"""Real changes of the program, each with the expected result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from delivery.preview import comment as markdown
from delivery.preview._comparison import compare
from delivery.preview.change import Kind, Preview, ResourceChange, StackPreview
from program.catalogue import Replaces
from program.graph import Graph
from program.protocol import MASK

Previews = dict[str, StackPreview]
CHANGES = (
    "add-zone",
    "remove-zone",
    "change-cidr",
    "rename-component",
    "rename-with-alias",
    "flip-nat",
    "change-image",
    "raise-limits",
    "drop-encryption",
    "delete-bucket",
    "change-secret",
)


def kinds(preview: StackPreview) -> dict[str, int]:
    return {str(kind): count for kind, count in Counter(each.kind for each in preview.changes).items()}


def names(preview: StackPreview, kind: Kind, type_: str) -> set[str]:
    return {each.name for each in preview.of(kind) if each.type.endswith(f":{type_}")}


def one(preview: StackPreview, type_: str, name: str) -> ResourceChange:
    [found] = [each for each in preview.changes if each.type.endswith(f":{type_}") and each.name == name]
    return found


def changed(change: ResourceChange) -> dict[str, tuple[object, object]]:
    return {each.path: (each.before, each.after) for each in change.properties}


def test_no_change_is_silent(previews: Previews, whole: Callable[[str], Preview]) -> None:
    assert previews["none"].changes == ()
    assert previews["none"].unchanged == sum(each.custom for each in previews["none"].nodes)
    assert markdown.render(whole("none")) == ""


def test_a_zone_more_replaces_no_subnet(previews: Previews) -> None:
    preview = previews["add-zone"]
    assert names(preview, Kind.CREATE, "Subnet") == {"dwcp-v3-public-d", "dwcp-v3-private-d"}
    assert not preview.of(Kind.DELETE)
    assert not preview.of(Kind.REPLACE)
    assert names(preview, Kind.CREATE, "NodeGroup") == {"dwcp-v3-nodes-d"}
    assert not any(each.risky for each in preview.changes)


def test_a_zone_less_deletes_its_subnets_and_says_so_first(previews: Previews) -> None:
    preview = previews["remove-zone"]
    assert names(preview, Kind.DELETE, "Subnet") == {"dwcp-v3-public-c", "dwcp-v3-private-c"}
    assert [each.risky for each in preview.changes][:3] == [True, True, False]
    assert not names(preview, Kind.REPLACE, "Subnet")


def test_other_addresses_replace_the_network_and_its_resources(previews: Previews) -> None:
    preview = previews["change-cidr"]
    assert changed(one(preview, "Vpc", "dwcp-v3"))["cidrBlock"] == ("10.0.0.0/16", "10.1.0.0/16")
    assert len(names(preview, Kind.REPLACE, "Subnet")) == 6
    target_group = one(preview, "TargetGroup", "dwcp-v3-stable")
    assert target_group.kind is Kind.REPLACE
    assert [each.follows.rsplit("::", 1)[-1] for each in target_group.properties] == ["dwcp-v3"]
    assert one(preview, "NetworkPolicy", "dwcp-v3").kind is Kind.UPDATE
    assert preview.changes[0].name == "dwcp-v3"
    assert preview.changes[0].loses == "the network and everything in it"


POLICIES = {
    "flip-nat": {"cost-nat-gateways"},
    "drop-encryption": {"data-bucket-encrypted"},
    "raise-limits": {"workload-resource-bounds", "workload-resource-ratio"},
}
"""The policies that a change violates in staging; the other changes violate no new one."""


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_stopped_by_the_policies_that_it_breaks(previews: Previews, name: str) -> None:
    broken = {each.policy for each in previews[name].violations if each.new and each.level == "mandatory"}
    assert broken == POLICIES.get(name, set())
    assert previews[name].failed is (name in POLICIES)


@pytest.mark.parametrize(
    ("name", "direction"), [("add-zone", 1), ("remove-zone", -1), ("flip-nat", 1), ("delete-bucket", -1), ("change-image", 0)]
)
def test_what_a_change_costs(previews: Previews, name: str, direction: int) -> None:
    cost = previews[name].cost
    difference = 0 if cost is None else cost.after - cost.before
    assert (difference > 0) - (difference < 0) == direction
    assert cost is None or abs(sum(usd for _, usd in cost.changes) - difference) < 0.01


def test_a_rule_that_follows_a_limit_changes_with_it(previews: Previews) -> None:
    assert {each.name for each in previews["raise-limits"].alerts} == {"dwcp:memory_limit_bytes", "dwcp:cpu_limit_cores"}


def test_a_renamed_component_is_deleted_and_created_again(previews: Previews) -> None:
    preview = previews["rename-component"]
    assert len(preview.of(Kind.DELETE)) == len(preview.of(Kind.CREATE)) > 40
    assert names(preview, Kind.DELETE, "Vpc") == {"dwcp-v3"}
    assert names(preview, Kind.CREATE, "Vpc") == {"platform"}
    assert one(preview, "TargetGroup", "dwcp-v3-stable").kind is Kind.REPLACE


def test_an_alias_keeps_a_renamed_component_and_its_children(previews: Previews) -> None:
    preview = previews["rename-with-alias"]
    assert set(kinds(preview)) == {"update", "replace"}
    assert {each.name for each in preview.changes if each.kind is Kind.REPLACE} == {"platform-flow"}, (
        "a role has the name in its own"
    )
    vpc = one(preview, "Vpc", "platform")
    assert changed(vpc) == {"tags.Name": ("dwcp-v3", "platform")}
    assert vpc.formerly.endswith("::dwcp-v3")


def test_a_nat_gateway_per_zone_adds_gateways_and_turns_routes(previews: Previews) -> None:
    preview = previews["flip-nat"]
    # Per zone an address, a gateway and its two alarms; and the cluster comes after the new gateways too.
    assert kinds(preview) == {"update": 2, "create": 8, "options": 1}
    assert names(preview, Kind.CREATE, "NatGateway") == {"dwcp-v3-nat-b", "dwcp-v3-nat-c"}
    route = one(preview, "Route", "dwcp-v3-private-b-out")
    assert changed(route) == {"natGatewayId": ("dwcp-v3-nat-a-id", "dwcp-v3-nat-b-id")}


def test_another_image_changes_the_stable_track_alone(previews: Previews) -> None:
    """Delivery owns the canary's image: ``up`` does not change it."""
    preview = previews["change-image"]
    assert kinds(preview) == {"update": 1}
    assert changed(one(preview, "Deployment", "dwcp-v3-deployment")) == {
        "spec.template.metadata.labels.version": ("v3.0.0", "v3.1.0"),
        "spec.template.spec.containers[dwcp-v3].image": ("ghcr.io/novacron/dwcp-v3:v3.0.0", "ghcr.io/novacron/dwcp-v3:v3.1.0"),
    }


def test_higher_limits_change_in_place(previews: Previews) -> None:
    preview = previews["raise-limits"]
    assert set(kinds(preview)) == {"update"}
    assert changed(one(preview, "Deployment", "dwcp-v3-deployment")) == {
        "spec.template.spec.containers[dwcp-v3].resources.limits.cpu": ("2000m", "4000m"),
        "spec.template.spec.containers[dwcp-v3].resources.limits.memory": ("2Gi", "4Gi"),
    }


def test_dropped_encryption_is_deleted_from_both_buckets(previews: Previews) -> None:
    preview = previews["drop-encryption"]
    encryption = "BucketServerSideEncryptionConfiguration"
    assert names(preview, Kind.DELETE, encryption) == {"dwcp-v3-artifacts", "dwcp-v3-access-logs"}
    assert kinds(preview) == {"delete": 2, "options": 2}  # what came after the deleted ones no longer waits for them


def test_a_deleted_bucket_is_told_before_all_else_with_what_is_lost(previews: Previews, whole: Callable[[str], Preview]) -> None:
    preview = previews["delete-bucket"]
    assert kinds(preview) == {"delete": 9}
    assert {each.type for each in preview.changes[:2]} == {"aws:s3/bucket:Bucket", "aws:kms/key:Key"}
    text = markdown.render(whole("delete-bucket"))
    assert text.index("its objects and their versions (forceDestroy is true, so the deletion succeeds)") < text.index("All changes")


def test_a_changed_secret_shows_that_it_changed_and_nothing_of_it(
    previews: Previews, graphs: dict[str, Graph], whole: Callable[[str], Preview]
) -> None:
    preview = previews["change-secret"]
    assert changed(one(preview, "Secret", "dwcp-v3-redis-secret"))["data.password"] == (MASK, MASK)
    said = markdown.render(whole("change-secret")) + whole("change-secret").to_json().decode()
    hidden = secret_values(graphs["none"]) | secret_values(graphs["change-secret"])
    assert hidden
    assert not [value for value in hidden if value in said]


def secret_values(graph: Graph) -> set[str]:
    """Every secret text of a graph, Secret objects included."""
    found: set[str] = set()

    def collect(value: object) -> None:
        if isinstance(value, dict):
            for item in value.values():
                collect(item)
        elif isinstance(value, str):
            found.add(value)

    for each in graph.resources:
        for path in each.secret_paths:
            value: object = each.inputs
            for part in path:
                value = value[part]  # type: ignore[index]
            collect(value)
        if each.type.endswith(":Secret"):
            collect(each.inputs.get("data"))
            collect(each.inputs.get("stringData"))
    return {each for each in found if len(each) > 8}


def test_the_other_way_round_a_creation_is_a_deletion(graphs: dict[str, Graph]) -> None:
    there = Counter(each.kind for each in compare(graphs["none"], graphs["flip-nat"]))
    back = Counter(each.kind for each in compare(graphs["flip-nat"], graphs["none"]))
    assert (there[Kind.CREATE], there[Kind.DELETE]) == (back[Kind.DELETE], back[Kind.CREATE])


@pytest.mark.parametrize("name", ["change-cidr", "rename-component"])
def test_an_unknown_replacement_is_reported(previews: Previews, whole: Callable[[str], Preview], name: str) -> None:
    unsure = [each for each in previews[name].changes if each.may_replace]
    assert unsure
    assert all(any(p.replaces is Replaces.NOT_KNOWN for p in each.properties) for each in unsure)
    assert "not known whether" in markdown.render(whole(name))
