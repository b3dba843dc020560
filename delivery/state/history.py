"""Reads the engine's history in the state's bucket, which has the configuration of every update."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

from contract import PROJECT
from delivery.clients.aws import error_code
from delivery.clients.checkpoint import Checkpoint, States

UPDATE = "update"


def last_config(states: States) -> dict[str, Any] | None:
    """The configuration of the stack's last update, in the form of a stack file; ``None`` if there is no record.

    The credentials in this configuration are encrypted with the key that the stack had at the time of the update.
    """
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
            return cast("dict[str, Any]", entry["config"])
    return None


def encryption(checkpoint: Checkpoint) -> dict[str, str]:
    """The fields of a stack file for the encryption of the state's secrets; empty if the state names no secrets provider."""
    provider: dict[str, Any] = checkpoint.deployment.get("secrets_providers") or {}
    state: dict[str, Any] = provider.get("state") or {}
    if provider.get("type") == "cloud":
        return {"secretsprovider": state["url"], "encryptedkey": state["encryptedkey"]}
    return {"encryptionsalt": state["salt"]} if "salt" in state else {}


def _newest_first(states: States) -> Iterator[str]:
    """The S3 keys of the records, newest first. Each key ends with the update's time in nanoseconds, so that keys sort by time."""
    prefix = states.backend.key(".pulumi", "history", PROJECT, states.stack, "")
    pages = states.s3.get_paginator("list_objects_v2").paginate(Bucket=states.backend.bucket, Prefix=prefix)
    keys = [each["Key"] for page in pages for each in page.get("Contents", []) if each["Key"].endswith(".history.json")]
    yield from sorted(keys, reverse=True)
