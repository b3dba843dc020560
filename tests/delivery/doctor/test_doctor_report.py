"""The doctor's report: missing parts, exit codes, and the three formats."""

from __future__ import annotations

import io
import json

import pytest
from doctor_snapshots import alert, healthy, pod, redis, unseen
from rich.console import Console

from delivery.doctor import doctor_report
from delivery.doctor.checks import CHECKS
from delivery.doctor.diagnosis import diagnose
from delivery.doctor.facts import Observed
from delivery.doctor.findings import Report
from delivery.doctor.observations import PARTS
from delivery.errors import ExitCode


def firing(*names: str) -> dict[str, object]:
    return {"alerts": [alert(name, track="stable") for name in names]}


def table(report: Report) -> str:
    out = io.StringIO()
    doctor_report.print_table(report, Console(file=out, width=200))
    return out.getvalue()


def test_a_part_that_cannot_be_read_stops_only_the_checks_that_need_it() -> None:
    report = diagnose(healthy(certificates=unseen("certificates: AWS answers 403")))
    assert [(each.check, each.reason) for each in report.unchecked] == [("certificate-expiry", "certificates: AWS answers 403")]
    assert len(report.passed) == len(CHECKS) - 1


def test_a_check_keeps_its_findings_when_a_later_part_is_missing() -> None:
    report = diagnose(healthy(deployments=[redis(claim=False)], redis_metrics=unseen("metrics: down")))
    assert [each.check for each in report.findings] == ["redis-persistence"]
    assert [each.check for each in report.unchecked] == ["redis-memory", "redis-persistence"]


def test_an_unreachable_environment_is_not_healthy() -> None:
    everything = {name: unseen(f"{name}: no route to host") for name in PARTS}
    report = diagnose(healthy(**everything))
    assert {each.check for each in report.unchecked} == set(CHECKS)
    assert report.exit_code is ExitCode.UNCHECKED


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, ExitCode.DONE),
        (firing("HighLatency"), ExitCode.WARNED),
        (firing("RedisDown"), ExitCode.FAILED),
        ({"lease": unseen("lease: no credentials")}, ExitCode.UNCHECKED),
        ({"drift": Observed(None, "drift: skipped by --quick", skipped=True)}, ExitCode.DONE),
        ({**firing("HighLatency"), "lease": unseen("lease: no credentials")}, ExitCode.WARNED),
    ],
)
def test_the_exit_code_follows_the_most_severe_finding(changes: dict[str, object], code: ExitCode) -> None:
    assert diagnose(healthy(**changes)).exit_code is code


def test_the_most_severe_finding_comes_first() -> None:
    report = diagnose(healthy(**firing("HighLatency", "RedisDown")))
    assert [each.check for each in report.findings] == ["redis-down", "performance-issues"]


def test_markdown_has_command_and_runbook_and_escapes_foreign_text() -> None:
    hostile = "manifest unknown</details>\n```bash\nrm -rf /"
    status = {"name": "dwcp-v3", "state": {"waiting": {"reason": "ErrImagePull", "message": hostile}}}
    text = doctor_report.to_markdown(diagnose(healthy(pods=[pod(phase="Pending", containerStatuses=[status])])))
    assert "```bash\nkubectl describe pod dwcp-v3-abc -n dwcp-v3\n```" in text
    assert "(docs/runbooks/image-pull-errors.md)" in text
    assert text.count("```bash\n") == 1
    assert "</details>" not in text


def test_json_has_the_exit_code_and_every_check() -> None:
    report = diagnose(healthy(**firing("RedisDown"), egress=unseen("egress: no credentials")))
    data = json.loads(json.dumps(doctor_report.to_json(report)))
    assert data["exitCode"] == 1
    assert data["findings"][0]["runbook"] == "docs/runbooks/redis-down.md"
    assert data["unchecked"] == [{"check": "no-internet-route", "reason": "egress: no credentials"}]
    assert len(data["passed"]) == len(CHECKS) - 2


def test_the_table_prints_a_shared_reason_once() -> None:
    down = unseen("metrics: connection refused")
    text = table(diagnose(healthy(alerts=down, redis_metrics=down)))
    assert text.count("metrics: connection refused") == 1
    healthy_text = table(diagnose(healthy()))
    assert f"production: nothing wrong; {len(CHECKS)} checks ran" in healthy_text
