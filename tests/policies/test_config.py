"""Levels, limits, waivers and states: their effect, and the messages about wrong ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from policies_bad import bad_world
from recording import ROOT

import policies
from policies import PolicyError, limits, pack
from policies.config import config_of, read_pack_config, with_pack_config
from policies.exported_state import resources_of, stack_of
from policies.prices import HOURS, estimate_of, prices
from policies.rule import ENVIRONMENTS
from policies.views import ResourceIndex, View
from policies.waivers import Waiver, read_waivers
from program.graph import Resource
from program.protocol import UNKNOWN

TODAY = date(2026, 11, 24)
CONFIG = config_of("production", today=TODAY)
NAMES = {rule.name for rule in policies.RULES}
WAIVER = {
    "rule": "network-open-ports",
    "resource": "ssh",
    "reason": "the migration needs it until it is over",
    "by": "platform",
    "granted": date(2026, 10, 1),
    "expires": date(2026, 12, 1),
}


@pytest.mark.parametrize("environment", ENVIRONMENTS.values())
def test_the_committed_pack_configs_change_nothing(environment: policies.Environment) -> None:
    config = config_of(environment, today=TODAY)
    committed = read_pack_config(ROOT / f"policies/config/{environment}.json")
    assert set(committed) == NAMES
    spelled_out = with_pack_config(config, committed, policies.RULES)
    world = bad_world().resources()
    assert policies.check(world, environment, spelled_out) == policies.check(world, environment, config)


def test_an_environment_without_limits_of_its_own_has_those_of_production(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LIMITS", {})
    assert limits.limits_of("staging", TODAY) == limits.limits_of("production", TODAY).model_copy(update={"environment": "staging"})


def test_a_name_of_the_environment_that_is_no_text_selects_the_limits_of_the_stack() -> None:
    assert pack.environment_in({"dwcp-v3:environment": '{"name": ["x"]}'}, "staging") == "staging"


def test_a_pack_config_sets_level_and_parameters_of_one_rule() -> None:
    content = {"network-open-ports": {"enforcementLevel": "advisory", "publicPorts": [22]}, "data-backups": "disabled"}
    found = policies.check(bad_world().resources(), "production", with_pack_config(CONFIG, content, policies.RULES))
    ports = [each for each in found if each.rule == "network-open-ports"]
    assert {each.level for each in ports} == {"advisory"}
    assert not any(each.urn.endswith("::ssh") for each in ports)
    assert not any(each.rule == "data-backups" for each in found)


def test_all_is_every_rule_that_is_not_named() -> None:
    config = with_pack_config(CONFIG, {"all": "disabled", "data-backups": "mandatory"}, policies.RULES)
    assert {each.rule for each in policies.check(bad_world().resources(), "production", config)} == {"data-backups"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"network-open-port": "advisory"}, "'network-open-port' that does not exist; did you mean network-open-ports?"),
        ({"data-backups": "remediate"}, "gives data-backups the level 'remediate'"),
        (
            {"data-backups": {"minimumBackupDay": 3}},
            "no parameter 'minimumBackupDay', which the pack config sets; did you mean minimumBackupDays?",
        ),
        ({"data-backups": {"minimumBackupDays": "many"}}, "data-backups.minimumBackupDays the value 'many'"),
        ({"data-backups": {"minimumBackupDays": 0}}, "data-backups.minimumBackupDays the value 0"),
        ({"network-tls": {"publicPorts": [80]}}, "no parameter 'publicPorts'"),
    ],
)
def test_a_wrong_pack_config_is_named(content: Mapping[str, Any], said: str) -> None:
    with pytest.raises(PolicyError, match=".") as refused:
        with_pack_config(CONFIG, content, policies.RULES)
    assert said in str(refused.value)


@pytest.mark.parametrize(("text", "said"), [("{", "is not valid JSON"), ("[]", "is not a JSON object")])
def test_an_invalid_pack_config_is_named(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "pack.json"
    file.write_text(text)
    with pytest.raises(PolicyError, match=f"pack.json {said}"):
        read_pack_config(file)
    with pytest.raises(PolicyError, match="cannot be read"):
        read_pack_config(tmp_path / "none.json")


def waived(today: date, **changes: Any) -> list[policies.Violation]:
    config = config_of("production", today=today, waivers=[Waiver.model_validate(WAIVER | changes)])
    return policies.check(bad_world().resources(), "production", config)


def test_a_waiver_accepts_one_rule_on_one_resource() -> None:
    [violation] = [each for each in waived(TODAY) if each.status == "waived"]
    assert (violation.rule, violation.resource.rpartition(" ")[2], violation.blocks) == ("network-open-ports", "ssh", False)
    assert "waived until 2026-12-01: the migration" in violation.fix
    assert all(each.blocks for each in waived(TODAY) if each.rule == "network-open-ports" and each != violation)


def test_a_waiver_names_a_resource_by_its_logical_name_or_its_urn() -> None:
    names = {"nodes": True, "urn:pulumi:s::p::c:X$t:Y::nodes": True, "t:Y::nodes": False, "odes": False}
    waivers = {name: Waiver.model_validate(WAIVER | {"resource": name}) for name in names}
    assert {name: each.covers(each.rule, "urn:pulumi:s::p::c:X$t:Y::nodes", TODAY) for name, each in waivers.items()} == names


def test_it_is_valid_on_its_last_day_and_a_violation_after_it() -> None:
    assert any(each.status == "waived" for each in waived(date(2026, 12, 1)))
    after = waived(date(2026, 12, 2))
    assert not any(each.status == "waived" for each in after)
    assert [each.message for each in after if each.rule == "waiver-in-force" and each.blocks] == [
        "the waiver of network-open-ports for ssh expired on 2026-12-01"
    ]


def test_an_expired_waiver_fails_even_where_nothing_needs_it() -> None:
    config = config_of("production", today=date(2027, 1, 1), waivers=[Waiver.model_validate(WAIVER)])
    assert [each.blocks for each in policies.check([], "production", config)] == [True]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rule": "no-such-rule"}, "waiver 1 of waivers.yaml names a rule 'no-such-rule' that does not exist"),
        ({"reason": ""}, "waiver 1 of waivers.yaml: reason is wrong"),
        ({"by": None}, "by is wrong"),
        ({"by": "   "}, "by is wrong"),
        ({"expires": None}, "expires is wrong"),
        ({"until": "2027-01-01"}, "until is wrong"),
        ({"expires": "2026-09-01"}, "expires on 2026-09-01, before it was granted"),
        ({"expires": "2028-01-01"}, "longer than 180 days"),
    ],
)
def test_a_wrong_waiver_is_named(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    file = tmp_path / "waivers.yaml"
    file.write_text(json.dumps([WAIVER | changes], default=str))
    with pytest.raises(PolicyError, match=".") as refused:
        read_waivers(NAMES, file)
    assert said in str(refused.value)


def test_a_waiver_does_not_count_before_it_is_granted() -> None:
    """Otherwise a waiver could be valid for longer than the limit between `granted` and `expires`."""
    granted = {"granted": date(2026, 11, 30), "expires": date(2027, 1, 1)}
    assert not any(each.status == "waived" for each in waived(date(2026, 11, 29), **granted))
    assert any(each.status == "waived" for each in waived(date(2026, 11, 30), **granted))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        *(("a: [", "are not valid YAML"), ("a: 1", "are not a list")),
        ("- {expires: 2026-13-31}", "are not valid YAML: month must be in 1..12"),
    ],
)
def test_an_invalid_waivers_file_is_named(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "waivers.yaml"
    file.write_text(text)
    with pytest.raises(PolicyError, match=said):
        read_waivers(NAMES, file)


SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1:abc"}


def exported(*resources: Mapping[str, Any], version: int = 3) -> str:
    return json.dumps({"version": version, "deployment": {"resources": list(resources)}})


def log_group(**inputs: Any) -> dict[str, Any]:
    urn = "urn:pulumi:production::dwcp-v3::aws:cloudwatch/logGroup:LogGroup::log"
    return {"urn": urn, "type": "aws:cloudwatch/logGroup:LogGroup", "custom": True, "id": "log-1", "inputs": inputs}


def test_a_state_is_read_with_its_links_and_without_its_secrets() -> None:
    entry = log_group(name="x", kmsKeyId=SECRET) | {
        "propertyDependencies": {"kmsKeyId": ["urn:key"], "name": None},
        "ignoreChanges": ["name"],
        "provider": "urn:provider::id",
    }
    gone = log_group() | {"delete": True}
    [log] = resources_of(exported(entry, gone))
    assert (log.id, log.name, log.ignore_changes, log.provider) == ("log-1", "log", ("name",), "urn:provider::id")
    assert log.inputs == {"name": "x", "kmsKeyId": UNKNOWN}
    assert log.property_dependencies == {"kmsKeyId": ("urn:key",)}
    assert stack_of([log]) == "production"


def test_resources_of_a_state_are_linked_by_id_where_no_dependency_is_recorded() -> None:
    bucket = Resource(urn="urn:a::b::aws:s3/bucket:Bucket::b", type="aws:s3/bucket:Bucket", name="b", inputs={}, id="b-1")
    kind = "aws:s3/bucketVersioning:BucketVersioning"
    versioning = Resource(urn=f"urn:a::b::{kind}::v", type=kind, name="v", inputs={"bucket": "b-1"})
    graph = ResourceIndex([bucket, versioning])
    assert [each.resource.name for each in graph.users(View(bucket, {}), "bucket", kind)] == ["v"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "the state is not valid JSON"),
        ("[]", "the state is not an exported state"),
        ('{"version": 3, "deployment": {"resources": {}}}', "its `resources` are not a list"),
        ('{"version": 3, "deployment": {"resources": [{"urn": 1, "type": "t"}]}}', "`urn` is 1"),
        ('{"version": 3, "deployment": {"resources": [{"urn": "u", "type": "t", "inputs": [1]}]}}', "`inputs` is"),
        ("[" * 100_000, "the state is not valid JSON"),
        (exported(version=2), "has version 2, not 3"),
        (exported({"type": "x"}), "has a resource that is not valid: KeyError: 'urn'"),
    ],
)
def test_an_invalid_state_is_named(text: str, said: str) -> None:
    with pytest.raises(PolicyError, match=".") as refused:
        resources_of(text)
    assert said in str(refused.value)


def test_the_environment_is_that_of_the_name_and_then_of_the_tags() -> None:
    provider = {"defaultTags": json.dumps({"tags": {"environment": "staging"}})}
    tagged = Resource(urn="u::a", type="pulumi:providers:aws", name="aws", inputs=provider)
    assert policies.environment_of("production", [tagged]) == "production"
    assert policies.environment_of("anything", [tagged]) == "staging"
    assert policies.environment_of("anything") == "production"


def cluster(**scaling: Any) -> list[Resource]:
    group = {"instanceTypes": ["m7i.large", "m6i.large"], "scalingConfig": scaling}
    kinds = ("aws:eks/cluster:Cluster", {}), ("aws:eks/nodeGroup:NodeGroup", group)
    return [Resource(urn=f"urn::{kind}", type=kind, name="x", inputs=inputs) for kind, inputs in kinds]


def test_an_estimate_counts_what_is_there_and_what_there_may_be() -> None:
    table = prices()
    items = {item.what: item for item in estimate_of(ResourceIndex(cluster(minSize=2, maxSize=4))).items}
    dearest = table.instances_per_hour["m7i.large"] * HOURS
    assert items["EKS control plane"].total == table.per_hour.cluster * HOURS
    assert items["node m7i.large"].total == 2 * dearest
    assert items["node m7i.large"].most == 4 * dearest


def test_only_what_is_unknown_is_not_estimated() -> None:
    resources = cluster(minSize=UNKNOWN, maxSize=4)
    [unknown] = policies.unsized(resources)
    assert [each.what for each in policies.estimate(resources)] == ["EKS control plane"]
    assert policies.unpriced(resources) == [f"{unknown.rpartition('::')[2]}, whose size is not known"]
    found = policies.check(resources, "production", config_of("production", today=date(2026, 11, 24)))
    assert "unknown" in {each.status for each in found if each.rule == "cost-monthly-estimate"}
