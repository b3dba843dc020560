"""``dwcp policy``: the violations in three formats, and exit codes."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from policies_bad import OFFLINE_ONLY, bad_world
from typer.testing import CliRunner

import policies
from delivery.cli.app import app
from delivery.errors import DeliveryError, ExitCode, UsageError
from delivery.policy.sarif import declared_at
from program.checkout import CHECKOUT

RUN = CliRunner()


@pytest.fixture(scope="module")
def state_with_violations(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported state that violates every rule."""
    resources = [
        {
            "urn": each.urn,
            "type": each.type,
            "id": each.id,
            "inputs": each.inputs,
            "provider": each.provider,
            "propertyDependencies": {key: list(urns) for key, urns in (each.property_dependencies or {}).items()},
        }
        for each in bad_world().resources()
    ]
    file = tmp_path_factory.mktemp("state") / "state.json"
    file.write_text(json.dumps({"version": 3, "deployment": {"resources": resources}}))
    return file


def run_policy(*arguments: str) -> tuple[int, str]:
    done = RUN.invoke(app, ["policy", *arguments])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout


def sarif(state: Path) -> dict[str, Any]:
    _, text = run_policy("--state", str(state), "--format", "sarif")
    [run] = json.loads(text)["runs"]
    return run


def test_our_program_passes() -> None:
    code, text = run_policy("--environment", "production", "--environment", "staging")
    assert code == ExitCode.DONE
    assert re.search(
        r"production \(production\): \d+ rules over \d+ resources: \d+ deferred to `pulumi up`; [\d,]+ to [\d,]+ USD", text
    )
    assert "4 advisory" in text


def test_the_sandboxs_secrets_in_plain_text_are_not_violations() -> None:
    code, text = run_policy("--environment", "local", "--format", "json")
    [stack] = json.loads(text)["stacks"]
    assert code == ExitCode.DONE
    assert [each for each in stack["violations"] if each["status"] == "failed"] == []


def test_deferred_checks_are_listed(tmp_path: Path) -> None:
    twice = ("--environment", "production", "--environment", "production")  # counts once
    code, _ = run_policy(*twice, "--output", str(tmp_path / "report.txt"))
    assert code == ExitCode.DONE
    assert "deferred to `pulumi up`: data-log-encrypted, kmsKeyId of 6 resources" in (tmp_path / "report.txt").read_text()


def test_a_state_with_violations_fails_and_lists_all(state_with_violations: Path) -> None:
    code, text = run_policy("--state", str(state_with_violations), "--format", "json")
    [stack] = json.loads(text)["stacks"]
    assert code == ExitCode.FAILED
    assert (stack["stack"], stack["environment"], stack["blocked"]) == ("production", "production", True)
    assert {each["rule"] for each in stack["violations"]} == {rule.name for rule in policies.RULES} - OFFLINE_ONLY
    assert stack["estimate"]["highestMonthlyUsd"] > stack["estimate"]["monthlyUsd"] > 0


def test_the_table_lists_every_rule(state_with_violations: Path, tmp_path: Path) -> None:
    run_policy("--state", str(state_with_violations), "--output", str(tmp_path / "report.txt"))
    text = (tmp_path / "report.txt").read_text()
    assert "port 22 is open to 0.0.0.0/0" in text
    assert {rule.name for rule in policies.RULES if rule.name not in text} == OFFLINE_ONLY


def test_sarif_has_the_fields_that_code_scanning_reads(state_with_violations: Path) -> None:
    run = sarif(state_with_violations)
    rules = {rule["id"]: rule for rule in run["tool"]["driver"]["rules"]}
    assert {result["ruleId"] for result in run["results"]} == {rule.name for rule in policies.RULES} - OFFLINE_ONLY
    assert {result["ruleId"] for result in run["results"]} <= rules.keys()
    assert all(float(rule["properties"]["security-severity"]) > 0 for name, rule in rules.items() if name != "waiver-in-force")
    for result in run["results"]:
        [location] = result["locations"]
        assert location["physicalLocation"]["artifactLocation"]["uri"] == "__main__.py"
        assert location["physicalLocation"]["region"]["startLine"] >= 1
        assert result["level"] in ("error", "warning", "note")
    fingerprints = [result["partialFingerprints"]["violation/v1"] for result in run["results"]]
    assert len(fingerprints) == len(set(fingerprints))


def test_a_finding_points_to_the_component_that_declares_the_resource() -> None:
    urn = "urn:pulumi:local::dwcp-v3::dwcp:platform:Cluster$dwcp:platform:Nodes$aws:eks/nodeGroup:NodeGroup::dwcp-v3-nodes"
    file, line = declared_at(urn)
    assert file == "components/aws/nodes.py"
    assert (CHECKOUT / file).read_text().splitlines()[line - 1].startswith("class Nodes(")
    assert declared_at("urn:pulumi:local::dwcp-v3::aws:ec2/vpc:Vpc::x") == ("__main__.py", 1)


def test_a_waiver_is_a_suppression_in_sarif(state_with_violations: Path, tmp_path: Path) -> None:
    waivers = tmp_path / "waivers.yaml"
    entry = {"rule": "network-open-ports", "resource": "ssh", "reason": "needed for the migration", "by": "platform"}
    today = date.today()
    waivers.write_text(json.dumps([entry | {"granted": str(today), "expires": str(today + timedelta(days=30))}]))
    _, text = run_policy("--state", str(state_with_violations), "--waivers", str(waivers), "--format", "sarif")
    suppressed = [result for result in json.loads(text)["runs"][0]["results"] if "suppressions" in result]
    assert [result["ruleId"] for result in suppressed] == ["network-open-ports"]
    assert "needed for the migration" in suppressed[0]["suppressions"][0]["justification"]


def test_a_pack_config_can_make_violations_advisory(state_with_violations: Path, tmp_path: Path) -> None:
    config = tmp_path / "pack.json"
    config.write_text('{"all": "advisory"}')
    code, text = run_policy("--state", str(state_with_violations), "--config", str(config))
    assert code == ExitCode.DONE
    assert "production: advisory, high: workload-images" in text


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["--state", "none.json"], DeliveryError, "none.json cannot be read"),
        (["--state", "README.md"], DeliveryError, "README.md is not valid JSON"),
        (["--environment", "nowhere"], UsageError, "there is no stack 'nowhere'"),
        (["--state", "x", "--environment", "local"], UsageError, "--state and --environment cannot be combined"),
        (["--environment", "local", "--config", "none.json"], DeliveryError, "none.json cannot be read"),
        (["--environment", "local", "--waivers", "none.yaml"], DeliveryError, "none.yaml cannot be read"),
    ],
)
def test_an_input_that_cannot_be_checked_is_reported(arguments: list[str], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        run_policy(*arguments)


def test_a_violation_is_printed_in_lines_that_can_be_searched(state_with_violations: Path) -> None:
    _, text = run_policy("--state", str(state_with_violations))
    assert "production: mandatory, high: workload-images\n  kubernetes:apps/v1:" in text
    assert re.search(r"^  spec\.template\.spec\.containers\[0\]\.image: .* is not from a trusted registry$", text, re.MULTILINE)
    assert re.search(r"^  fix: use an image from .*ghcr\.io", text, re.MULTILINE)
