"""Reads, checks and writes the engine's state in the bucket, and compares it with the state that ``dwcp`` recorded in DynamoDB."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from botocore.exceptions import BotoCoreError, ClientError  # pyright: ignore[reportMissingTypeStubs]

from components.field_owners import OWNERSHIP
from contract import LEASE_TABLE
from delivery.clients import _sandbox
from delivery.clients.aws import error_code
from delivery.clients.environment import Environment
from delivery.clients.state_backend import LEASE_KEY, Backend, write_fenced
from delivery.errors import LeaseLostError, StateError
from program.protocol import masked

WORKLOAD = "dwcp:platform:Application$"
"""A substring of the URNs of the service's objects, because they are children of this component."""


class TruncatedStateError(StateError):
    """The text is not a valid state: the JSON is incomplete, or it has no checkpoint."""


class OlderStateError(StateError):
    """The current state has the content of an earlier version, because someone restored the earlier version without ``dwcp``.

    An update that starts from the earlier state would lose the later changes.
    """


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """One version of a stack's state."""

    text: str
    version: str
    """S3 version id of the object."""
    time: str
    """Time at which the engine wrote the state, by the clock of the engine's machine."""
    deployment: dict[str, Any]

    @property
    def sha256(self) -> str:
        """SHA-256 of the text."""
        return text_digest(self.text)

    @property
    def resources(self) -> list[dict[str, Any]]:
        """All resources in the state."""
        return cast("list[dict[str, Any]]", self.deployment.get("resources") or [])

    @property
    def outputs(self) -> dict[str, Any]:
        """The stack's outputs with masked secrets; empty before the first update."""
        found = next((each.get("outputs") for each in self.resources if each["type"] == "pulumi:pulumi:Stack"), None)
        return cast("dict[str, Any]", masked(found or {}))

    def output(self, component: str, name: str) -> Any:
        """The output ``name`` of ``component``, or ``None`` if the state does not contain it."""
        return cast("dict[str, Any]", self.outputs.get(component) or {}).get(name)


def text_digest(text: str) -> str:
    """SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def parse_state(text: str, version: str, where: str, stack: str) -> Checkpoint:
    """The checkpoint in ``text``. Raises ``TruncatedStateError`` if there is none; its message contains ``where`` and ``stack``."""
    try:
        content: Any = json.loads(text)
        deployment: Any = content["checkpoint"].get("latest") or {}
        time = str(deployment.get("manifest", {}).get("time", ""))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TruncatedStateError(
            f"{where} is truncated or is not a state: {error}",
            f"find the last valid version: dwcp state verify --environment {stack}; "
            f"then restore it: dwcp state restore --environment {stack} --version VERSION",
        ) from error
    return Checkpoint(text=text, version=version, time=time, deployment=deployment)


class States:
    """The versions of one stack's state."""

    def __init__(self, environment: Environment, backend: Backend | None = None) -> None:
        """Open the state of the stack of ``environment``. The stack has the environment's name."""
        self.environment = environment
        self.stack = environment.name
        self.backend = backend or Backend.of(environment)
        self.s3 = environment.aws("s3")
        self.key = self.backend.checkpoint(self.stack)

    def read(self, version: str | None = None) -> Checkpoint:
        """The current state, or the state in the S3 version ``version``.

        Raises ``StateError`` if the state is missing or truncated, or if AWS cannot be called. Any other error of S3, for example
        denied access, is raised as ``ClientError``.
        """
        wanted = {"VersionId": version} if version else {}
        try:
            answer = self.s3.get_object(Bucket=self.backend.bucket, Key=self.key, **wanted)
        except BotoCoreError as error:
            raise StateError(
                f"the state of {self.stack} cannot be read: {error}",
                _sandbox.command() if self.stack == "local" else "log in, for example with `aws sso login`, or set AWS_PROFILE",
            ) from error
        except ClientError as error:
            if error_code(error) not in ("NoSuchKey", "NoSuchVersion", "NoSuchBucket", "InvalidVersionId", "404"):
                raise
            raise StateError(
                f"there is no state of {self.stack}: s3://{self.backend.bucket}/{self.key} {version or ''}".rstrip(),
                f"choose the version that this command prints: dwcp state verify --environment {self.stack}"
                if version
                else "check that PULUMI_BACKEND_URL names the bucket of the state; "
                f"for a new environment, create the backend and the stack: dwcp state bootstrap --environment {self.stack}",
            ) from error
        text = answer["Body"].read().decode(errors="replace")
        return parse_state(
            text, answer.get("VersionId", ""), f"the state of {self.stack} (s3://{self.backend.bucket}/{self.key})", self.stack
        )

    def versions(self) -> list[str]:
        """The ids of all versions of the state, newest first."""
        pages = self.s3.get_paginator("list_object_versions").paginate(Bucket=self.backend.bucket, Prefix=self.key)
        return [each["VersionId"] for page in pages for each in page.get("Versions", []) if each["Key"] == self.key]

    def last_valid(self) -> str | None:
        """The id of the newest valid version; ``None`` if there is none."""
        for version in self.versions():
            try:
                if not problems(self.read(version)):
                    return version
            except StateError:
                continue
        return None

    def write(self, text: str) -> Checkpoint:
        """Replace the state by ``text``, and return the new version."""
        answer = self.s3.put_object(Bucket=self.backend.bucket, Key=self.key, Body=text.encode(), ContentType="application/json")
        return parse_state(text, answer.get("VersionId", ""), "the written state", self.stack)

    def remember(self, checkpoint: Checkpoint, fencing: int) -> None:
        """Record ``checkpoint`` as the current state. Raises ``LeaseLostError`` if a command with a later lease recorded one."""
        item = {
            **self._known_key(),
            "version": {"S": checkpoint.version},
            "sha256": {"S": checkpoint.sha256},
            "time": {"S": checkpoint.time},
            "fencing": {"N": str(fencing)},
        }
        if not write_fenced(self.environment.aws("dynamodb").put_item, fencing, Item=item):
            raise LeaseLostError(
                f"another command has changed the state of {self.stack} since this command lost its lease",
                f"check the state: dwcp state verify --environment {self.stack}",
            )

    def require_current(self, checkpoint: Checkpoint) -> None:
        """Raise ``OlderStateError`` if the state has the content of a version that is older than the recorded version.

        Every state is accepted if no state was recorded yet. A state with a later time than the recorded state is accepted. An
        earlier time does not prove that the state is older, because the clock of the engine's machine can be slow. The contents of
        the older versions are then compared with the state. If the recorded version no longer exists, this comparison is not
        possible, and the error is raised.
        """
        item = (
            self.environment.aws("dynamodb").get_item(TableName=LEASE_TABLE, Key=self._known_key(), ConsistentRead=True).get("Item")
        )
        if item is None:
            return
        version, sha256, time = (item[name]["S"] for name in ("version", "sha256", "time"))
        if checkpoint.sha256 == sha256 or checkpoint.version == version or _is_later(checkpoint.time, time):
            return
        versions = self.versions()
        older = versions[versions.index(version) + 1 :] if version in versions else None
        if older is None or any(self._is(each, checkpoint.sha256) for each in older):
            mistake = (
                f"if that was a mistake: dwcp state restore --environment {self.stack} --version {version}"
                if version in versions
                else f"that version is not in the bucket {self.backend.bucket}: check PULUMI_BACKEND_URL"
            )
            raise OlderStateError(
                f"the state of {self.stack} was written at {checkpoint.time or 'an unknown time'}, but the last recorded state "
                f"was written at {time} (version {version}): an old state was restored without dwcp",
                f"{mistake}; if it was intended: dwcp state verify --environment {self.stack} --accept",
            )

    def _is(self, version: str, sha256: str) -> bool:
        answer = self.s3.get_object(Bucket=self.backend.bucket, Key=self.key, VersionId=version)
        return text_digest(answer["Body"].read().decode(errors="replace")) == sha256

    def _known_key(self) -> dict[str, Any]:
        return {LEASE_KEY: {"S": f"{self.stack}/state"}}


def _is_later(time: str, other: str) -> bool:
    """Whether ``time`` is later than ``other``. The engine writes the time zone of its machine, so the time zones can differ."""
    try:
        return datetime.fromisoformat(time) > datetime.fromisoformat(other)
    except (ValueError, TypeError):
        return False


def problems(checkpoint: Checkpoint) -> list[str]:
    """The inconsistencies that would make the engine refuse the state or lose resources; empty if the state is valid."""
    found: list[str] = []
    seen: set[str] = set()
    for each in checkpoint.resources:
        urn = each.get("urn", "")
        if not urn:
            found.append("a resource has no URN")
        elif urn in seen and not each.get("delete"):
            found.append(f"{urn} occurs twice")
        parents = [each.get("parent"), str(each.get("provider", "")).rpartition("::")[0]]
        needed: list[Any] = [*parents, *(each.get("dependencies") or [])]
        found += [f"{urn} needs {other}, which is missing or comes later" for other in needed if other and other not in seen]
        seen.add(urn)
    return found


def unfinished(checkpoint: Checkpoint) -> list[str]:
    """The operations that an interrupted update did not finish.

    The next update repeats unfinished changes and deletions. The state does not show whether an unfinished creation created the
    resource; ``pulumi refresh`` prompts the user for the answer.
    """
    operations = cast("list[dict[str, Any]]", checkpoint.deployment.get("pending_operations") or [])
    return [f"{each['type']} {each['resource']['urn']}" for each in operations]


def workload(checkpoint: Checkpoint) -> list[dict[str, Any]]:
    """The :func:`declared_objects` of the service, without Secrets."""
    return [manifest for urn, manifest in _objects(checkpoint) if WORKLOAD in urn and manifest["kind"] != "Secret"]


def declared_objects(checkpoint: Checkpoint) -> list[dict[str, Any]]:
    """The Kubernetes objects as the last update applied them, except Helm releases and the canary's Deployment.

    The fields that autoscalers and ``dwcp`` change (``components/field_owners.py``) are omitted.
    """
    return [manifest for _, manifest in _objects(checkpoint)]


def _objects(checkpoint: Checkpoint) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the URN and the manifest of each of the :func:`declared_objects`."""
    for each in checkpoint.resources:
        kind, inputs = str(each["type"]), cast("dict[str, Any]", each.get("inputs") or {})
        is_object = kind.startswith("kubernetes:") and not kind.startswith("kubernetes:helm.sh") and each.get("custom")
        if is_object and not each.get("delete") and cast("dict[str, Any]", inputs.get("metadata") or {}).get("name"):
            manifest = _without_owned(kind, each["urn"].rpartition("::")[2], inputs)
            if manifest is not None:
                yield each["urn"], manifest


def _without_owned(kind: str, name: str, inputs: Mapping[str, Any]) -> dict[str, Any] | None:
    """``inputs`` without the fields of other owners; ``None`` for the canary's Deployment, because ``dwcp`` owns its containers."""
    manifest = {key: value for key, value in copy.deepcopy(dict(inputs)).items() if not key.startswith("__")}
    for row in OWNERSHIP:
        if (row.type, row.name) != (kind, name):
            continue
        if row.path.endswith(".containers"):
            return None
        *above, last = row.path.split(".")
        for holder in _at(manifest, above):
            holder.pop(last, None)
    return manifest


def _at(manifest: dict[str, Any], path: list[str]) -> Iterator[dict[str, Any]]:
    value: Any = manifest
    for part in path:
        value = cast("dict[str, Any]", value).get(part)
        if not isinstance(value, dict):
            return
    yield cast("dict[str, Any]", value)
