"""The rollout's journal: what was decided is written down before it is done, here and where another machine finds it.

It lies in a ConfigMap beside what it is about: the credentials that let one go on with a rollout can read it, and the
API server refuses a writer that has not seen the last entry. A second copy on this machine (written whole, synced, renamed) keeps
a rollout going while the API server is away. One of the two must take an entry, and the first entry must be in the cluster.
"""

from __future__ import annotations

import json
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
from delivery.rollout.plan import Frozen, Plan, RolloutProgress
from delivery.rollout.request import RolloutRequest

CONFIG_MAP = f"{ROLLOUT_CONFIG_MAP}-journal"
KEY = "journal"
HISTORY = 200
"""Entries that are kept; a ConfigMap may hold 1 MiB."""


class JournalError(DeliveryError):
    """The journal cannot be read or written, or another command writes it."""


class Entry(Frozen):
    """One line of the history."""

    at: str
    """UTC, by this machine's clock: for people."""
    text: str


class Record(Frozen):
    """Everything about one rollout."""

    id: str
    cluster: str
    """UID of the namespace: a copy that another cluster's rollout left on this machine is none of ours."""
    sequence: int = 0
    request: RolloutRequest
    """With the values that it began with: what a second run is compared with."""
    plan: Plan
    progress: RolloutProgress
    history: tuple[Entry, ...] = ()
    recorded: bool = False
    """Whether the release that it ended with is among the recorded ones."""

    @property
    def is_open(self) -> bool:
        """Whether something is left to do."""
        return self.progress.outcome is None

    def next(self, progress: RolloutProgress, entry: Entry | None) -> Record:
        """The record one step on."""
        history = self.history if entry is None else (*self.history, entry)[-HISTORY:]
        return self.model_copy(update={"sequence": self.sequence + 1, "progress": progress, "history": history})


class Journal:
    """The journal of one environment's rollouts, of which one at most is open."""

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
        """Who is told that one of the copies takes no entry."""

    def start(self, request: RolloutRequest, plan: Plan) -> Record:
        """A new rollout's first entry, in the cluster or not at all. Raises ``JournalError``, ``ClusterError``."""
        record = Record(
            id=uuid.uuid4().hex[:12], cluster=self.cluster_id(), request=request, plan=plan, progress=RolloutProgress(), history=()
        )
        self._mirror(record)
        self._keep(record)
        return record

    def cluster_id(self) -> str:
        """Which cluster this is."""
        return str(self._cluster.request("GET", f"/api/v1/namespaces/{self._cluster.namespace}")["metadata"]["uid"])

    def read(self) -> Record | None:
        """The last rollout, by whichever copy knows more of it. Raises ``JournalError`` for one that is damaged."""
        mirrored = self._mirrored()
        kept = self._kept()
        if kept is None or kept.cluster != self.cluster_id() or (mirrored is not None and kept.id != mirrored.id):
            return mirrored
        return kept if mirrored is None or kept.sequence > mirrored.sequence else mirrored

    def write(self, record: Record) -> None:
        """Write an entry. Raises ``JournalError`` when neither copy takes it, or when another command wrote since."""
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
                f"the journal of rollout {record.id} takes no entry ({'; '.join(problems)})",
                "make one of them writable and run the same command again: it goes on from the last entry",
            )
        for problem in problems:
            self.warn(f"the journal has one copy only; {problem}")

    def _keep(self, record: Record) -> None:
        """Whole or not at all, whatever happens in the middle."""
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
        """The copy on this machine; one that cannot be read is as good as none, since the cluster's is the one that counts."""
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
        """Create the ConfigMap, or replace the version of it that was seen last."""
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
        """After a conflict: an entry of our own whose answer was lost is none, and a closed rollout's may go."""
        before = self._written
        found = self._mirrored()
        if found is None or found == record or (found.id == record.id and found.sequence < record.sequence):
            return
        if found.is_open or before:
            raise JournalError(
                f"another command has gone on with the rollout of {found.plan.image}, which is now in phase {found.progress.phase}",
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
                f"see what is in it, set the traffic right by hand if need be (`dwcp status`), then `kubectl delete configmap "
                f"{CONFIG_MAP} -n {self._cluster.namespace}`",
            ) from error


def summary(record: Record) -> dict[str, object]:
    """A record for machines."""
    return json.loads(record.model_dump_json())
