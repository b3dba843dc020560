"""The journal of a rollout on a real API server: it has one writer, and a copy in the cluster and on the machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from kubernetes import config
from kubernetes.client import ApiClient, Configuration
from live_platform import LivePlatform
from plans import plan

from delivery.clients.kubernetes import KubernetesClient
from delivery.rollout.journal import CONFIG_MAP, HISTORY, HistoryLine, Journal, JournalError, Record
from delivery.rollout.options import RolloutRequest
from delivery.rollout.plan import Phase, RolloutOutcome, RolloutProgress

REQUEST = RolloutRequest(image="app:v2", strategy="weighted", waits=(1,), error_threshold_percent=5)
PLAN = plan()
UNREACHABLE = ApiClient(Configuration(host="https://127.0.0.1:1"))
ENTRY = HistoryLine(at="2026-01-01T00:00:00Z", text="scale")


class Machine:
    """A machine with its own copy of the journal; ``warnings`` are those of the journal."""

    def __init__(self, live: LivePlatform, folder: Path) -> None:
        self.cluster = KubernetesClient(config.new_client_from_config(str(live.cloud.control_plane.kubeconfig)), "dwcp-v3")
        self.folder, self.warnings = folder, list[str]()
        self.journal = Journal(self.cluster, "local", folder, warn=self.warnings.append)

    def fill_disk(self) -> None:
        """Make every write of the local copy fail, as on a full disk."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.with_name(f".{self.file.name}.{os.getpid()}").symlink_to("/dev/full")

    @property
    def file(self) -> Path:
        return self.folder / "rollout.json"


@pytest.fixture
def here(live: LivePlatform, tmp_path: Path) -> Machine:
    return Machine(live, tmp_path / "here")


@pytest.fixture
def there(live: LivePlatform, tmp_path: Path) -> Machine:
    return Machine(live, tmp_path / "there")


def step(record: Record, phase: Phase = Phase.SCALE) -> Record:
    return record.next(record.progress.to(phase), ENTRY)


def test_a_second_machine_reads_the_journal_of_the_first(here: Machine, there: Machine) -> None:
    assert here.journal.read() is None
    record = step(here.journal.start(REQUEST, PLAN))
    here.journal.write(record)
    assert there.journal.read() == record
    assert Record.model_validate_json(here.file.read_text()) == record


def test_a_writer_that_has_not_read_the_last_entry_is_refused(here: Machine, there: Machine) -> None:
    record = here.journal.start(REQUEST, PLAN)
    other = there.journal.read()
    assert other is not None
    there.journal.write(step(other))
    with pytest.raises(JournalError, match="another command has written to the journal: the rollout of app:v2"):
        here.journal.write(step(record, Phase.SHIFT))


def test_an_entry_whose_response_was_lost_is_not_a_conflict(here: Machine) -> None:
    record = here.journal.start(REQUEST, PLAN)
    before = here.journal._version
    here.journal.write(step(record))
    here.journal._version = before  # as if the response was lost
    here.journal.write(step(step(record), Phase.SHIFT))
    found = here.journal.read()
    assert found is not None
    assert (found.sequence, found.progress.phase) == (2, Phase.SHIFT)


def test_a_second_rollout_cannot_start_while_one_is_open(here: Machine, there: Machine) -> None:
    assert there.journal.read() is None
    here.journal.start(REQUEST, PLAN)
    with pytest.raises(JournalError):
        there.journal.start(REQUEST, PLAN)


def test_a_new_rollout_can_start_when_the_last_one_is_done(here: Machine, there: Machine) -> None:
    record = here.journal.start(REQUEST, PLAN)
    here.journal.write(record.next(record.progress.to(Phase.DONE, outcome=RolloutOutcome.PROMOTED), ENTRY))
    found = there.journal.read()
    assert found is not None
    assert not found.is_open
    assert there.journal.start(REQUEST, PLAN).is_open


def test_the_local_copy_is_used_when_the_cluster_accepts_no_entry(here: Machine, live: LivePlatform) -> None:
    record = here.journal.start(REQUEST, PLAN)
    api, here.cluster.api = here.cluster.api, UNREACHABLE
    here.journal.write(step(record))
    assert "only one copy of the journal was written; the cluster" in here.warnings[0]
    here.cluster.api = api
    found = here.journal.read()
    assert found is not None
    assert found.sequence == 1


def test_a_full_disk_leaves_the_last_copy_unchanged(here: Machine) -> None:
    record = here.journal.start(REQUEST, PLAN)
    here.fill_disk()
    here.journal.write(step(record))
    assert "this machine: No space left on device" in here.warnings[0]
    assert Record.model_validate_json(here.file.read_text()) == record


def test_a_rollout_begins_without_a_copy_on_this_machine(here: Machine) -> None:
    here.fill_disk()
    record = here.journal.start(REQUEST, PLAN)
    assert "this machine: No space left on device" in here.warnings[0]
    assert here.journal.read() == record


def test_an_entry_that_neither_copy_accepts_is_an_error(here: Machine) -> None:
    record = here.journal.start(REQUEST, PLAN)
    here.fill_disk()
    here.cluster.api = UNREACHABLE
    with pytest.raises(JournalError, match="accepts no entry"):
        here.journal.write(step(record))


def test_the_copy_of_a_rollout_in_another_cluster_is_not_used(here: Machine, live: LivePlatform) -> None:
    record = here.journal.start(REQUEST, PLAN)
    here.file.write_text(record.model_copy(update={"cluster": "another", "sequence": 99}).model_dump_json())
    found = here.journal.read()
    assert found is not None
    assert found.sequence == 0


def test_a_journal_that_cannot_be_read_is_an_error(here: Machine) -> None:
    here.journal.start(REQUEST, PLAN)
    path = f"/api/v1/namespaces/dwcp-v3/configmaps/{CONFIG_MAP}"
    here.cluster.request("PATCH", path, {"data": {"journal": '{"id": 1'}})
    with pytest.raises(JournalError, match="cannot be read"):
        here.journal.read()


def test_the_history_fits_into_a_config_map() -> None:
    """Also if each line has the long message of an API."""
    record = Record(id="1", cluster="1", request=REQUEST, plan=PLAN, progress=RolloutProgress())
    line = HistoryLine(at=ENTRY.at, text="x" * 4000)
    for _ in range(HISTORY + 50):
        record = record.next(record.progress.to(Phase.SCALE), line)
    assert len(record.history) == HISTORY
    assert record.sequence == HISTORY + 50
    assert len(record.model_dump_json()) < 2**20
