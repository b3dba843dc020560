"""The release record that a rollout writes, and the settings that a later rollback reads from it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import pytest
from accounts import Account
from plans import plan

from delivery.releases import Release, Releases
from delivery.releases.settings import SettingsChange, reverted
from delivery.rollout import _records as records
from delivery.rollout.journal import Journal, JournalError, Record
from delivery.rollout.options import RolloutRequest
from delivery.rollout.plan import RolloutOutcome, RolloutProgress

REQUEST = RolloutRequest(image="app:v2", strategy="weighted", waits=(1,), error_threshold_percent=5)
PLAN = plan()
DEBUG = SettingsChange(before={"application.logLevel": "info"}, after={"application.logLevel": "debug"})


class LastRecord:
    """A journal that has only the last written record."""

    def write(self, record: Record) -> Record:
        self.record = record
        return record


def deployed(account: Account, image: str, **changes: Any) -> Release:
    at = datetime(2026, 1, 2, tzinfo=UTC)
    values = {"id": f"20260102T000000Z-{image[-2:]}", "environment": account.name, "command": "deploy", "result": "deployed"}
    return Release.model_validate({**values, "image": image, "started": at, "fencing": 1, "changed": DEBUG, **changes})


class Unwritable:
    """A journal that cannot be written."""

    def write(self, _: Record) -> Record:
        raise JournalError("the API server does not answer", "check the network")


def recorded(account: Account, journal: LastRecord | Unwritable, record: Record) -> dict[str, list[str]]:
    """The warnings and notes while the rollout is recorded."""
    printed: dict[str, list[str]] = {"note": [], "warn": []}
    note, warn = printed["note"].append, printed["warn"].append
    records.record_result(account, cast("Journal", journal), record, fencing=2, note=note, warn=warn)
    return printed


def test_an_aborted_rollout_has_an_incident_even_if_its_journal_cannot_be_written(account: Account) -> None:
    progress = RolloutProgress(outcome=RolloutOutcome.ABORTED, aborting="error rate 30 %")
    record = Record(id="1", cluster="1", request=REQUEST, plan=PLAN, progress=progress)
    for journal, warnings in ((LastRecord(), 0), (Unwritable(), 1)):
        printed = recorded(account, journal, record)
        assert len(printed["warn"]) == warnings
        assert printed["note"][0].startswith("incident: s3://")
        assert Releases(account).all()[0].result == "rolled back"


@pytest.mark.parametrize("outcome", [RolloutOutcome.PROMOTED, RolloutOutcome.ABORTED])
def test_a_rollout_of_an_image_alone_records_no_changed_settings(account: Account, outcome: RolloutOutcome) -> None:
    releases = Releases(account)
    releases.record(deployed(account, "app:v1"))
    progress = RolloutProgress(outcome=outcome, aborting="" if outcome is RolloutOutcome.PROMOTED else "error rate 30 %")
    record = Record(id="1", cluster="1", request=REQUEST, plan=PLAN, progress=progress)
    recorded(account, LastRecord(), record)
    newest = releases.all()[0]
    assert (newest.command, newest.image) == ("rollout", "app:v2")
    assert reverted(DEBUG.after, [newest.changed]) == DEBUG.after


def test_a_rollout_of_a_staged_deployment_records_its_changed_settings(account: Account) -> None:
    releases = Releases(account)
    releases.record(deployed(account, "app:v2", result="staged"))
    record = Record(id="1", cluster="1", request=REQUEST, plan=PLAN, progress=RolloutProgress(outcome=RolloutOutcome.PROMOTED))
    recorded(account, LastRecord(), record)
    assert reverted(DEBUG.after, [releases.all()[0].changed]) == DEBUG.before


def test_the_record_of_a_rollout_does_not_repeat_the_digest_and_state_of_the_release_before(account: Account) -> None:
    releases = Releases(account)
    releases.record(deployed(account, "app:v1", digest="sha256:1", state_version="1"))
    record = Record(id="1", cluster="1", request=REQUEST, plan=PLAN, progress=RolloutProgress(outcome=RolloutOutcome.PROMOTED))
    recorded(account, LastRecord(), record)
    newest = releases.all()[0]
    assert (newest.image, newest.digest, newest.state_version) == ("app:v2", "", "")
