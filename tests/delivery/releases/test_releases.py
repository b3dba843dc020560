"""Release records in S3, which are ordered by lease and fenced; backup files with a checksum; reports and incidents."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from accounts import Account

from delivery.errors import LeaseLostError
from delivery.releases import Release, ReleaseError, Releases, StepRecord, backup_files, incidents, new_id, release_report

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
OBJECTS = [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "dwcp-v3"}, "data": {"LOG_LEVEL": "info"}}]


def release(account: Account, number: int, **changes: Any) -> Release:
    at = AT + timedelta(hours=number)
    values: dict[str, Any] = {
        "id": new_id(f"v{number}.0.0", at),
        "environment": account.name,
        "command": "deploy",
        "result": "deployed",
        "image": f"app:v{number}.0.0",
        "config_hash": "a",
        "started": at,
        "fencing": number,
        "manifests": OBJECTS,
    }
    return Release.model_validate(values | changes)


@pytest.fixture
def releases(account: Account) -> Releases:
    return Releases(account)


def test_a_release_is_found_by_its_id_or_a_prefix_of_it(account: Account, releases: Releases) -> None:
    first, second = release(account, 1), release(account, 2)
    releases.record(first)
    releases.record(second)
    assert releases.get(first.id) == first
    assert releases.get("20260102T05") == second
    with pytest.raises(ReleaseError, match="is the start of more than one release id"):
        releases.get("2026")
    with pytest.raises(ReleaseError, match=f"choose one of: {second.id}, {first.id}"):
        releases.get("nothing")


def test_releases_are_ordered_by_lease_and_not_by_clock(account: Account, releases: Releases) -> None:
    """The second machine's clock is ten minutes behind the first one's."""
    first = release(account, 1, started=AT + timedelta(minutes=10))
    second = release(account, 2, started=AT, id="20260102T030405Z-late")
    releases.record(first)
    releases.record(second)
    assert [each.fencing for each in releases.all()] == [2, 1]
    assert releases.latest() == second
    assert releases.before(second) == first


def test_the_latest_release_is_one_that_was_deployed(account: Account, releases: Releases) -> None:
    releases.record(release(account, 1))
    releases.record(release(account, 2, result="rolled back"))
    releases.record(release(account, 3, result="running"))
    latest = releases.latest()
    assert latest is not None
    assert latest.fencing == 1


def test_the_release_before_has_another_image(account: Account, releases: Releases) -> None:
    """A release that was deployed twice counts once."""
    for each in (release(account, 1), release(account, 2), release(account, 3, image="app:v2.0.0")):
        releases.record(each)
    latest = releases.latest()
    assert latest is not None
    before = releases.before(latest)
    assert before is not None
    assert before.image == "app:v1.0.0"
    assert releases.before(release(account, 1)) is None


def test_a_release_is_staged_until_another_one_is_deployed(account: Account, releases: Releases) -> None:
    assert releases.staged() is None
    staged = release(account, 1, result="staged")
    releases.record(staged)
    assert releases.staged() == staged
    assert releases.latest() is None
    releases.record(release(account, 2))
    assert releases.staged() is None


def test_a_command_that_lost_the_lease_records_nothing(account: Account, releases: Releases) -> None:
    releases.record(release(account, 2))
    with pytest.raises(LeaseLostError, match="another command has recorded a release"):
        releases.record(release(account, 1))
    assert [each.fencing for each in releases.all()] == [2]


def test_the_next_release_records_a_killed_one_as_failed(account: Account, releases: Releases) -> None:
    for number, result in ((1, "running"), (2, "deployed"), (3, "running"), (4, "running")):
        releases.record(release(account, number, result=result))
    releases.begin(release(account, 5, result="running"))
    assert [each.result for each in releases.all()] == ["running", "failed", "failed", "deployed", "running"]
    assert releases.all()[1].reason == "its process was killed"


def test_a_damaged_record_does_not_hide_the_others(account: Account, releases: Releases) -> None:
    releases.record(release(account, 1))
    damaged = release(account, 2)
    releases.record(damaged)
    releases.s3.put_object(Bucket=releases.bucket, Key=releases.key(damaged, "release.json"), Body=b"{")
    assert [each.fencing for each in releases.all()] == [1]
    latest = releases.latest()
    assert latest is not None
    assert latest.fencing == 1
    with pytest.raises(ReleaseError, match="is damaged"):
        releases.get(damaged.id)


def test_a_backup_file_contains_the_manifests_and_the_whole_release(account: Account, releases: Releases, tmp_path: Path) -> None:
    recorded = release(account, 1)
    file = backup_files.save(releases, recorded, recorded.timestamp, tmp_path)
    assert file == tmp_path / "backups/deployments" / f"dwcp-v3-{account.name}-20260102T040405Z.yaml"
    assert [each for each in yaml.safe_load_all(file.read_text()) if each] == OBJECTS
    assert backup_files.read(file, account.name) == recorded
    stored = releases.s3.get_object(Bucket=releases.bucket, Key=f"backups/deployments/{file.name}")["Body"].read().decode()
    assert stored == file.read_text()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda text: text.replace("info", "debug"), "is damaged: its content does not match the SHA-256 in its header"),
        (lambda text: text[:-10], "is damaged"),
        (lambda text: text.split("\n", 3)[3], "is not a backup of dwcp, or its header is truncated"),
        (lambda text: "", "is not a backup"),
    ],
    ids=["changed", "truncated", "no header", "empty"],
)
def test_a_damaged_backup_file_is_refused(account: Account, releases: Releases, tmp_path: Path, change: Any, problem: str) -> None:
    file = backup_files.save(releases, release(account, 1), "t", tmp_path)
    file.write_text(change(file.read_text()))
    with pytest.raises(ReleaseError, match=problem):
        backup_files.read(file, account.name)


def test_a_backup_file_of_another_environment_is_refused(account: Account, releases: Releases, tmp_path: Path) -> None:
    file = backup_files.save(releases, release(account, 1), "t", tmp_path)
    with pytest.raises(ReleaseError, match=f"is a backup of {account.name}, not of production"):
        backup_files.read(file, "production")


def failed_release(account: Account) -> Release:
    steps = [
        StepRecord(name="update", result="done", seconds=12.5, detail="1 update"),
        StepRecord(name="health checks", result="failed", seconds=3, detail="answers 500: <b>no | database</b>"),
    ]
    return release(
        account, 4, result="rolled back", previous="20260101T000000Z-v3.0.0", steps=steps, reason="stable is not healthy"
    )


def test_the_report_describes_a_failure(account: Account) -> None:
    text = release_report.markdown(failed_release(account))
    assert f"deploy of app:v4.0.0 to {account.name} failed; the previous release runs again" in text
    assert "| health checks | failed | 3.0 | answers 500: <b>no \\| database</b> |" in text


def test_an_incident_is_recorded_and_an_issue_opened(
    account: Account, releases: Releases, github: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_REPOSITORY", "novacron/novacron")
    github.answers["/repos/novacron/novacron/issues"] = {"html_url": "https://github.com/novacron/novacron/issues/9"}
    lines = incidents.record(releases, failed_release(account))
    assert lines[1] == "issue: https://github.com/novacron/novacron/issues/9"
    [(method, _, sent)] = github.requests
    assert method == "POST"
    assert sent["labels"] == ["incident", "dwcp-v3"]
    assert "what failed: health checks: answers 500" in sent["body"]
    assert "what runs now: 20260101T000000Z-v3.0.0" in sent["body"]
    key = releases.key(failed_release(account), "incident.md")
    assert releases.s3.get_object(Bucket=releases.bucket, Key=key)["Body"].read().decode() == sent["body"]


@pytest.mark.parametrize(
    ("changes", "running"),
    [
        ({"result": "rolled back", "previous": ""}, "ghcr.io/novacron/dwcp-v3:v3.0.0"),
        ({"result": "deployed", "command": "rollback"}, "app:v4.0.0"),
        ({"result": "failed"}, "not recorded"),
    ],
)
def test_an_incident_names_the_image_that_runs_now(account: Account, changes: dict[str, str], running: str) -> None:
    ended = failed_release(account).model_copy(update={"replaced": "ghcr.io/novacron/dwcp-v3:v3.0.0", **changes})
    assert f"what runs now: {running}" in release_report.incident(ended, "s3://bucket/record")


def test_without_a_token_there_is_no_issue(
    account: Account, releases: Releases, github: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_REPOSITORY", "novacron/novacron")
    for name in ("GITHUB_TOKEN", "GH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    assert len(incidents.record(releases, failed_release(account))) == 1
    assert github.requests == []


def test_an_issue_that_cannot_be_opened_is_reported(
    account: Account, releases: Releases, github: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_REPOSITORY", "novacron/elsewhere")
    lines = incidents.record(releases, failed_release(account))
    assert "no issue could be opened: " in lines[1]
    assert "novacron/elsewhere/issues answered with 404" in lines[1]
