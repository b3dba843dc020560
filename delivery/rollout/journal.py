"""The rollout's journal: stores the progress on this machine and in the cluster, before the next action is performed.

The copy in the cluster is a ConfigMap, which commands on other machines read too. A write that replaces the ConfigMap contains
the last ``resourceVersion`` that the process has read, so the API server refuses the write if the process does not know the last
entry. The copy on this machine is written atomically. A rollout continues if one of the copies cannot be written, but its first
entry must be in the cluster.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

from pydantic import ValidationError

from contract import ROLLOUT_CONFIG_MAP
from delivery.clients import work_folder
from delivery.clients.kubernetes import ClusterError, KubernetesClient, Manifest
from delivery.errors import DeliveryError
from delivery.rollout.options import RolloutRequest
from delivery.rollout.plan import Frozen, Plan, RolloutProgress

CONFIG_MAP = f"{ROLLOUT_CONFIG_MAP}-journal"
KEY = "journal"
HISTORY = 200
"""Maximum number of entries in the history. A ConfigMap can have at most 1 MiB."""


class JournalError(DeliveryError):
    """The journal cannot be read or written, or another command has written to it."""


class HistoryLine(Frozen):
    """One line of the history."""

    at: str
    """UTC time of this machine's clock. No decision of the rollout depends on this time."""
    text: str


class Record(Frozen):
    """The content of the journal: one rollout with its plan, progress and history."""

    id: str
    """Empty before the rollout is written to the journal."""
    cluster: str
    """UID of the platform's namespace, so that a local copy of another cluster's rollout is not used."""
    sequence: int = 0
    request: RolloutRequest
    """The options, completed by the settings. The options of a later command are compared with these options."""
    plan: Plan
    progress: RolloutProgress
    history: tuple[HistoryLine, ...] = ()
    recorded: bool = False
    """Whether the finished rollout is recorded as a release."""

    @property
    def is_open(self) -> bool:
        """Whether the rollout is not finished."""
        return self.progress.outcome is None

    def next(self, progress: RolloutProgress, entry: HistoryLine | None) -> Record:
        """The next record, with ``progress`` and, if given, one more entry in the history."""
        history = self.history if entry is None else (*self.history, entry)[-HISTORY:]
        return self.model_copy(update={"sequence": self.sequence + 1, "progress": progress, "history": history})


class Journal:
    """The journal of the last rollout of an environment, which can be open or finished."""

    def __init__(
        self,
        cluster: KubernetesClient,
        environment: str,
        folder: Path | None = None,
        *,
        warn: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._cluster = cluster
        self._environment = environment
        self._file = (folder or work_folder.work_folder(environment)) / "rollout.json"
        self._path = f"/api/v1/namespaces/{cluster.namespace}/configmaps"
        self._version = ""
        self._written = False
        self.warn = warn
        """Called with a message if one of the copies does not accept an entry."""

    def start(self, request: RolloutRequest, plan: Plan) -> Record:
        """Write a new rollout's first entry. Raises ``JournalError`` or ``ClusterError`` if the cluster does not accept it."""
        record = Record(
            id=uuid.uuid4().hex[:12], cluster=self.cluster_id(), request=request, plan=plan, progress=RolloutProgress(), history=()
        )
        self._write_cluster(record)
        self.write(record)  # a local copy that cannot be written is only a warning
        return record

    def cluster_id(self) -> str:
        """The UID of the platform's namespace, which identifies the cluster."""
        return str(self._cluster.request("GET", f"/api/v1/namespaces/{self._cluster.namespace}")["metadata"]["uid"])

    def read(self) -> Record | None:
        """The last rollout, from the newer copy; ``None`` if there is none.

        Raises ``JournalError`` if the cluster's copy is damaged, and ``ClusterError`` if it cannot be read.
        """
        in_cluster = self._read_cluster()
        local = self._read_local()
        if local is None or local.cluster != self.cluster_id() or (in_cluster is not None and local.id != in_cluster.id):
            return in_cluster
        return local if in_cluster is None or local.sequence > in_cluster.sequence else in_cluster

    def write(self, record: Record) -> None:
        """Write an entry. Raises ``JournalError`` if neither copy accepts it, or if another command has written to the journal."""
        problems: list[str] = []
        for copy, write in (("this machine", self._write_local), ("the cluster", self._write_cluster)):
            try:
                write(record)
            except OSError as error:
                problems.append(f"{copy}: {error.strerror or error}")
            except ClusterError as error:
                problems.append(f"{copy}: {error.problem}")
        if len(problems) > 1:
            raise JournalError(
                f"the journal of rollout {record.id} accepts no entry ({'; '.join(problems)})",
                "make one copy writable and run the same command again: the rollout continues from the last entry",
            )
        for problem in problems:
            self.warn(f"only one copy of the journal was written; {problem}")

    def _write_local(self, record: Record) -> None:
        work_folder.write(self._file, record.model_dump_json(indent=1))

    def _read_local(self) -> Record | None:
        """The copy on this machine. ``None`` if it cannot be read, because the cluster's copy is sufficient."""
        try:
            return Record.model_validate_json(self._file.read_text())
        except (OSError, ValueError):
            return None

    def _write_cluster(self, record: Record) -> None:
        try:
            self._put(record)
        except ClusterError as error:
            if error.status not in (HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND):
                raise
            self._catch_up(record)
            self._put(record)

    def _put(self, record: Record) -> None:
        """Create the ConfigMap, or replace the version that was last read."""
        metadata: Manifest = {"name": CONFIG_MAP, "labels": {"app.kubernetes.io/managed-by": "dwcp"}}
        data = {KEY: record.model_dump_json(), "phase": record.progress.phase, "image": record.plan.image}
        manifest: Manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
        if self._version:
            metadata["resourceVersion"] = self._version
            answer = self._cluster.request("PUT", f"{self._path}/{CONFIG_MAP}", manifest)
        else:
            answer = self._cluster.request("POST", self._path, manifest)
        self._version = answer["metadata"]["resourceVersion"]
        self._written = True

    def _catch_up(self, record: Record) -> None:
        """Read the ConfigMap after a refused write. Raises ``JournalError`` if another command has written to it.

        The write can be repeated if the ConfigMap

        - no longer exists,
        - contains this entry, because only the response to the first write was lost,
        - contains an earlier entry of the same rollout, or
        - contains a finished rollout, and this process has not written yet.
        """
        found = self._read_cluster()
        if found is None or found == record or (found.id == record.id and found.sequence < record.sequence):
            return
        if found.is_open or self._written:
            raise JournalError(
                f"another command has written to the journal: the rollout of {found.plan.image} is in phase {found.progress.phase}",
                f"see the rollout's progress: dwcp status --environment {self._environment}",
            )

    def _read_cluster(self) -> Record | None:
        try:
            manifest = self._cluster.request("GET", f"{self._path}/{CONFIG_MAP}")
        except ClusterError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            self._version = ""
            return None
        self._version = manifest["metadata"]["resourceVersion"]
        data: Manifest = manifest.get("data") or {}
        text: str = data.get(KEY, "")
        try:
            return Record.model_validate_json(text)
        except ValidationError as error:
            raise JournalError(
                f"the journal in ConfigMap {CONFIG_MAP} cannot be read: {error.errors()[0]['msg']}",
                "if the journal was written by another version of dwcp, use that version; otherwise delete the journal: "
                f"kubectl delete configmap {CONFIG_MAP} -n {self._cluster.namespace}; then check the traffic: "
                f"dwcp status --environment {self._environment}; if a rollout is open or the canary has traffic: "
                f"dwcp rollout --abort --environment {self._environment}",
            ) from error
