"""The pack in the real engine, which finds the same violations as a check offline and of an exported state."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import pytest
from policies_bad import EXPECTED, OFFLINE_ONLY, bad_world
from policies_engine import CheckedStack, Violation
from policies_worlds import Ref, World

import policies
from policies.config import config_of
from policies.exported_state import resources_of

pytestmark = pytest.mark.cloud

UNKNOWN_PORT = "rule-with-unknown-source"
WAITING_LOG = "log-with-unknown-key"


def world() -> World:
    """All violations, and two values that are unknown before ``up``."""
    made = bad_world()
    rule = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
    made.add(rule, UNKNOWN_PORT, cidrIpv4=Ref("bare-vpc"), ipProtocol="tcp", fromPort=22, toPort=22)
    made.add("aws:cloudwatch/logGroup:LogGroup", WAITING_LOG, retentionInDays=30, kmsKeyId=Ref("stale-key"))
    return made


@dataclass(frozen=True)
class Preview:
    """One preview with the pack, shared by the tests."""

    stack: CheckedStack
    code: int
    output: str
    violations: list[Violation]

    def of(self, rule: str, name: str) -> list[Violation]:
        return [each for each in self.violations if (each.rule, each.name) == (rule, name)]


@pytest.fixture(scope="module")
def preview(tmp_path_factory: pytest.TempPathFactory) -> Preview:
    stack = CheckedStack(tmp_path_factory.mktemp("checked"))
    stack.declare(world())
    done, violations = stack.checked("preview")
    return Preview(stack, done.returncode, done.stdout + done.stderr, violations)


def test_every_rule_fires_in_one_preview(preview: Preview) -> None:
    assert preview.code != 0
    assert set(EXPECTED) - {each.rule for each in preview.violations} == OFFLINE_ONLY


def test_each_names_its_resource_and_the_fix(preview: Preview) -> None:
    config = config_of("production")
    lost = [
        (rule, name, said)
        for rule, expected in EXPECTED.items()
        for name, said in expected
        if rule not in OFFLINE_ONLY
        and not any(said in each.message and "\nfix: " in each.message for each in preview.of(rule, name))
        and not (rule == "cluster-version" and "1.34" in said and config.today < date(2026, 12, 2))
    ]
    assert lost == []


def test_severities_and_levels_are_the_rules(preview: Preview) -> None:
    rules = {rule.name: rule for rule in policies.RULES}
    wrong = [
        each
        for each in preview.violations
        if each.rule in rules and (each.severity, each.level) != (rules[each.rule].severity, rules[each.rule].level("production"))
    ]
    assert wrong == []


def test_a_stack_is_checked_by_the_limits_of_its_own_environment(tmp_path: Path) -> None:
    stack = CheckedStack(tmp_path, "staging")
    stack.declare(bad_world())
    _, violations = stack.checked("preview")
    rules = {rule.name: rule for rule in policies.RULES}
    assert {each.rule: each.level for each in violations if each.rule in rules} == {
        each.rule: rules[each.rule].level("staging") for each in violations if each.rule in rules
    }
    assert "advisory" in {each.level for each in violations if each.rule in rules}
    limited = {each.message.partition(" in ")[2].partition("\n")[0] for each in violations if " is not allowed in " in each.message}
    assert limited == {"staging"}


def test_an_unknown_value_does_not_pass(preview: Preview) -> None:
    [violation] = preview.of("network-open-ports", UNKNOWN_PORT)
    assert violation.level == "mandatory"
    assert "cidrIpv4: is not known, so the rule could not be evaluated" in violation.message


def test_deferred_checks_are_listed_and_do_not_block(preview: Preview) -> None:
    assert preview.of("data-log-encrypted", WAITING_LOG) == []
    [noted] = [each for each in preview.violations if each.rule == "checked-after-up"]
    assert noted.level == "advisory"
    assert "data-log-encrypted: 2 checks of kmsKeyId run during `pulumi up`" in noted.message


def test_the_results_are_those_of_the_program_and_of_the_state(preview: Preview) -> None:
    """Applied without the pack, exported, and checked: the same rules on the same resources."""
    stack = preview.stack
    applied = stack.run("up", "--yes", "--skip-preview", "--stack", stack.stack)
    assert applied.returncode == 0, applied.stdout + applied.stderr
    exported = stack.run("stack", "export", "--stack", stack.stack).stdout
    config = config_of("production")
    deployed = policies.check(resources_of(exported), "production", replace(config, deployed=True))
    program = policies.check(world().resources(), "production", config)

    def results(violations: list[policies.Violation]) -> set[tuple[str, str]]:
        failed = {(each.rule, each.urn.rpartition("::")[2]) for each in violations if each.status == "failed"}
        return {each for each in failed if each[0] not in OFFLINE_ONLY}

    secrets_hidden = {("identity-no-literal-secrets", "keyed"), ("identity-no-static-keys", "keyed")}
    engine = {(each.rule, each.name) for each in preview.violations if each.rule in EXPECTED}
    defaults = {(rule, name) for rule, name in engine | results(deployed) if name.startswith("default")} - {
        ("network-no-default-vpc", "default-vpc"),
        ("tags-by-explicit-provider", "default-vpc"),
    }
    only_known_in_state = {("network-open-ports", UNKNOWN_PORT)}
    assert results(program) - only_known_in_state == engine - defaults - only_known_in_state
    assert results(deployed) - defaults - secrets_hidden - only_known_in_state == (
        results(program) - secrets_hidden - only_known_in_state
    )


def test_a_pack_config_changes_levels_and_limits(preview: Preview, tmp_path: Path) -> None:
    config = tmp_path / "pack.json"
    config.write_text(
        json.dumps({"all": "disabled", "network-open-ports": {"enforcementLevel": "advisory", "publicPorts": [22, 80, 443]}})
    )
    done, violations = preview.stack.checked("preview", "--policy-pack-config", str(config))
    assert {each.rule for each in violations} == {"network-open-ports"}
    assert {each.level for each in violations} == {"advisory"}
    assert "ssh" not in {each.name for each in violations}
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_bad_pack_config_is_named(preview: Preview, tmp_path: Path) -> None:
    config = tmp_path / "pack.json"
    config.write_text(json.dumps({"network-open-ports": {"publicPorts": "all of them"}}))
    done, violations = preview.stack.checked("preview", "--policy-pack-config", str(config))
    assert done.returncode != 0
    assert [each for each in violations if each.name == "ssh"] == [], "the rules were evaluated without the config"
    assert "network-open-ports" in done.stdout + done.stderr
    assert "publicPorts" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
