"""Backups of the state. Each backup contains the name of the stack and a checksum of the state."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from botocore.exceptions import ClientError  # pyright: ignore[reportMissingTypeStubs]

from contract import PROJECT
from delivery.clients.aws import GONE_CODES, error_code
from delivery.clients.checkpoint import Checkpoint, States, parse_state, problems, text_digest
from delivery.clients.work_folder import write
from delivery.errors import StateError
from delivery.state.locks import require_unlocked

FORMAT = "dwcp-state-backup/1"


class BackupError(StateError):
    """A backup does not exist, is damaged, or belongs to another stack."""


@dataclass(frozen=True)
class Backups:
    """The backups of one stack's state, in the state's bucket."""

    states: States

    def take(self) -> str:
        """Copy the present state to the bucket, and return the backup's key."""
        checkpoint = self.states.read()
        at = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        key = self.states.backend.key("backups", self.states.stack, f"{at}-{checkpoint.sha256[:12]}.json")
        self.states.s3.put_object(
            Bucket=self.states.backend.bucket,
            Key=key,
            Body=self.document(checkpoint, at).encode(),
            ContentType="application/json",
        )
        return key

    def document(self, checkpoint: Checkpoint, at: str) -> str:
        """The text of a backup, as JSON."""
        content = {
            "format": FORMAT,
            "project": PROJECT,
            "stack": self.states.stack,
            "taken": at,
            "version": checkpoint.version,
            "sha256": checkpoint.sha256,
            "state": checkpoint.text,
        }
        return json.dumps(content, indent=1)

    def keys(self) -> list[str]:
        """The keys of all backups of the stack in the bucket, newest first."""
        prefix = self.states.backend.key("backups", self.states.stack, "")
        pages = self.states.s3.get_paginator("list_objects_v2").paginate(Bucket=self.states.backend.bucket, Prefix=prefix)
        return sorted((each["Key"] for page in pages for each in page.get("Contents", [])), reverse=True)

    def save(self, file: Path) -> None:
        """Write a backup of the state to a local file."""
        write(file, self.document(self.states.read(), datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")))

    def read(self, name: str) -> Checkpoint:
        """The state in a backup. ``name`` is a local file or a key in the bucket.

        Raises ``StateError`` if the backup does not exist or is not valid.
        """
        text = self._text(name)
        try:
            content: Any = json.loads(text)
            found = (content["format"], content["project"], content["stack"], content["sha256"], content["state"])
        except (ValueError, KeyError, TypeError) as error:
            raise BackupError(f"{name} is damaged, or not a backup of a state: {error}", self._others()) from error
        form, project, stack, sha256, state = cast("tuple[str, ...]", found)
        if form != FORMAT:
            raise BackupError(f"{name} has the format {form}, which this dwcp does not support", self._others())
        if (project, stack) != (PROJECT, self.states.stack):
            raise BackupError(f"{name} is a backup of {project}/{stack}, not of {PROJECT}/{self.states.stack}", self._others())
        if text_digest(state) != sha256:
            raise BackupError(
                f"{name} is damaged: its SHA-256 is {text_digest(state)[:12]}..., it should be {sha256[:12]}...", self._others()
            )
        checkpoint = parse_state(state, content.get("version", ""), name, self.states.stack)
        if wrong := problems(checkpoint):
            raise BackupError(f"the state in {name} is not valid: {wrong[0]}", self._others())
        return checkpoint

    def restore(self, checkpoint: Checkpoint, fencing: int) -> Checkpoint:
        """Write ``checkpoint`` as the current state, and return it. The replaced state stays in the bucket as an older version.

        The caller must hold the lease. Raises ``StateError`` if ``checkpoint`` is not valid or the engine has a lock on the stack.
        """
        if wrong := problems(checkpoint):
            raise BackupError(f"the state to restore is not valid: {wrong[0]}", self._others())
        require_unlocked(self.states)
        written = self.states.write(checkpoint.text)
        self.states.remember(written, fencing)
        return written

    def _text(self, name: str) -> str:
        if Path(name).is_file():
            return Path(name).read_text(errors="replace")
        try:
            return self.states.s3.get_object(Bucket=self.states.backend.bucket, Key=name)["Body"].read().decode(errors="replace")
        except ClientError as error:
            if error_code(error) not in GONE_CODES:
                raise
            raise BackupError(f"the backup {name} exists neither as a local file nor in the bucket", self._others()) from error

    def _others(self) -> str:
        known = self.keys()[:3]
        return (
            f"choose from: {', '.join(known)}"
            if known
            else f"there is no backup yet; dwcp state verify --environment {self.states.stack} prints the last valid version"
        )
