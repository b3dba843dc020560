"""The rollout's journal: stores each decision before the action is performed, on this machine and in the cluster.

The copy in the cluster is a ConfigMap. Every command with the credentials for a rollout can read it, and the API server refuses a
writer that has not read the last entry. The copy on this machine is written atomically and synced. With it, a rollout continues
while the API server is unreachable. At least one copy must accept an entry. The first entry must be written to the cluster.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

from pydantic import ValidationError

from contract import ROLLOUT_CONFIG_MAP
from delivery.clients.kubernetes import ClusterError, KubernetesClient, Manifest
from delivery.clients.work_folder import work_folder
from delivery.errors import DeliveryError
from delivery.rollout.options import RolloutRequest
from delivery.rollout.plan import Frozen, Plan, RolloutProgress

CONFIG_MAP = f"{ROLLOUT_CONFIG_MAP}-journal"
KEY = "journal"
HISTORY = 200
"""Number of entries that are kept. A ConfigMap can have at most 1 MiB."""


class JournalError(DeliveryError):
    """The journal cannot be read or written, or another command has written to it."""


class Entry(Frozen):
    """One line of the history."""

    at: str
    """UTC, by this machine's clock; only for display."""
    text: str


class Record(Frozen):
    """The content of the journal: one rollout with its plan, progress and history."""

    id: str
    cluster: str
    """UID of the namespace, so that a local copy of another cluster's rollout is not used."""
    sequence: int = 0
    request: RolloutRequest
    """The options at the start, completed by the settings. The options of a later run are compared with them."""
    plan: Plan
    progress: RolloutProgress
    history: tuple[Entry, ...] = ()
    recorded: bool = False
    """Whether the finished rollout is recorded as a release."""

    @property
    def is_open(self) -> bool:
        """Whether the rollout is not finished."""
        return self.progress.outcome is None

    def next(self, progress: RolloutProgress, entry: Entry | None) -> Record:
        """The record after one more entry."""
        history = self.history if entry is None else (*self.history, entry)[-HISTORY:]
        return self.model_copy(update={"sequence": self.sequence + 1, "progress": progress, "history": history})


class Journal:
    """The journal of one environment's rollouts, of which at most one is open."""

    def __init__(
        self,
        cluster: KubernetesClient,
        environment: str,
        folder: Path | None = None,
        *,
        warn: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._cluster = cluster
        self._file = (folder or work_folder(environment)) / "rollout.json"
        self._path = f"/api/v1/namespaces/{cluster.namespace}/configmaps"
        self._version = ""
        self._written = False
        self.warn = warn
        """Called with a message if one of the copies does not accept an entry."""

    def start(self, request: RolloutRequest, plan: Plan) -> Record:
        """Write a new rollout's first entry to the cluster. Raises ``JournalError``, ``ClusterError``."""
        record = Record(
            id=uuid.uuid4().hex[:12], cluster=self.cluster_id(), request=request, plan=plan, progress=RolloutProgress(), history=()
        )
        self._mirror(record)
        self._keep(record)
        return record

    def cluster_id(self) -> str:
        """The identity of the cluster."""
        return str(self._cluster.request("GET", f"/api/v1/namespaces/{self._cluster.namespace}")["metadata"]["uid"])

    def read(self) -> Record | None:
        """The last rollout, from the newer copy; ``None`` if there is none.

        Raises ``JournalError`` if the cluster's copy is damaged, and ``ClusterError`` if it cannot be read.
        """
        mirrored = self._mirrored()
        kept = self._kept()
        if kept is None or kept.cluster != self.cluster_id() or (mirrored is not None and kept.id != mirrored.id):
            return mirrored
        return kept if mirrored is None or kept.sequence > mirrored.sequence else mirrored

    def write(self, record: Record) -> None:
        """Write an entry. Raises ``JournalError`` if neither copy accepts it, or if another command has written to the journal."""
        problems: list[str] = []
        for copy, write in (("this machine", self._keep), ("the cluster", self._mirror)):
            try:
                write(record)
            except OSError as error:
                problems.append(f"{copy}: {error.strerror or error}")
            except ClusterError as error:
                problems.append(f"{copy}: {error.problem}")
        if len(problems) > 1:
            raise JournalError(
                f"the journal of rollout {record.id} accepts no entry ({'; '.join(problems)})",
                "make one of them writable and run the same command again: it continues from the last entry",
            )
        for problem in problems:
            self.warn(f"the journal has only one copy; {problem}")

    def _keep(self, record: Record) -> None:
        """Write the local copy atomically."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._file.with_suffix(".part")
        try:
            with temporary.open("w") as file:
                file.write(record.model_dump_json(indent=1))
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._file)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        folder = os.open(self._file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _kept(self) -> Record | None:
        """The copy on this machine. ``None`` if it cannot be read, because the cluster's copy is sufficient."""
        try:
            return Record.model_validate_json(self._file.read_text())
        except (OSError, ValueError):
            return None

    def _mirror(self, record: Record) -> None:
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

        The write can be repeated if the ConfigMap is gone, contains an entry of this command whose response was lost, or contains
        a closed rollout and this command has not written yet.
        """
        before = self._written
        found = self._mirrored()
        if found is None or found == record or (found.id == record.id and found.sequence < record.sequence):
            return
        if found.is_open or before:
            raise JournalError(
                f"another command has continued the rollout of {found.plan.image}, which is now in phase {found.progress.phase}",
                "run `dwcp status` to see where it is",
            )

    def _mirrored(self) -> Record | None:
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
                f"read it, correct the traffic by hand if necessary (`dwcp status`), then `kubectl delete configmap "
                f"{CONFIG_MAP} -n {self._cluster.namespace}`",
            ) from error
