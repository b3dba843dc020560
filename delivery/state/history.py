"""Reads the engine's history in the state's bucket. The history has the configuration and the program's commit of every update."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from contract import PROJECT
from delivery.clients.aws import error_code
from delivery.clients.checkpoint import Checkpoint, States

UPDATE = "update"


@dataclass(frozen=True, kw_only=True)
class Update:
    """One update in the engine's history. Without values, it stands for a stack without an update."""

    config: dict[str, Any] = field(default_factory=dict[str, Any])
    """The configuration, in the form of a stack file. Its credentials are encrypted with the stack's key at that time."""
    commit: str = ""
    """The commit of the program; empty if the program was not in git, or if its files differed from the commit."""

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Update:
        """The update in a record of the engine, which reads the commit from the program's work tree."""
        environment: Mapping[str, str] = entry.get("environment") or {}
        clean = environment.get("git.dirty") == "false"
        return cls(config=entry["config"], commit=environment.get("git.head", "") if clean else "")


def last_update(states: States) -> Update:
    """The stack's last update; an ``Update`` without values if the history contains no update that can be read."""
    for key in _newest_first(states):
        try:
            entry: dict[str, Any] = json.loads(states.s3.get_object(Bucket=states.backend.bucket, Key=key)["Body"].read())
        except ValueError:
            continue  # a truncated record
        except Exception as error:
            if error_code(error) == "NoSuchKey":
                continue
            raise
        if entry.get("kind") == UPDATE and isinstance(entry.get("config"), dict):
            return Update.of(entry)
    return Update()


def encryption(checkpoint: Checkpoint) -> dict[str, str]:
    """The fields of a stack file for the encryption of the state's secrets; empty if the state names no secrets provider."""
    provider: dict[str, Any] = checkpoint.deployment.get("secrets_providers") or {}
    state: dict[str, Any] = provider.get("state") or {}
    if provider.get("type") == "cloud":
        return {"secretsprovider": state["url"], "encryptedkey": state["encryptedkey"]}
    return {"encryptionsalt": state["salt"]} if "salt" in state else {}


def _newest_first(states: States) -> Iterator[str]:
    """The S3 keys of the records, newest first. Each key contains the update's time in nanoseconds, so that keys sort by time."""
    prefix = states.backend.key(".pulumi", "history", PROJECT, states.stack, "")
    pages = states.s3.get_paginator("list_objects_v2").paginate(Bucket=states.backend.bucket, Prefix=prefix)
    keys = [each["Key"] for page in pages for each in page.get("Contents", []) if each["Key"].endswith(".history.json")]
    yield from sorted(keys, reverse=True)
