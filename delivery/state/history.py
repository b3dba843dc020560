"""What the engine notes of each update: above all the configuration that it ran with, whoever ran it and from which checkout."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

from contract import PROJECT
from delivery.clients.aws import error_code
from delivery.state.checkpoint import Checkpoint, States

UPDATE = "update"


def last_config(states: States) -> dict[str, Any] | None:
    """The configuration of the stack's last update, as a stack file has it; nothing where none is noted.

    Credentials in it are encrypted as they were then.
    """
    for key in _newest_first(states):
        try:
            entry: dict[str, Any] = json.loads(states.s3.get_object(Bucket=states.backend.bucket, Key=key)["Body"].read())
        except ValueError:
            continue  # one that was cut off
        except Exception as error:
            if error_code(error) == "NoSuchKey":
                continue
            raise
        if entry.get("kind") == UPDATE and isinstance(entry.get("config"), dict):
            return cast("dict[str, Any]", entry["config"])
    return None


def encryption(checkpoint: Checkpoint) -> dict[str, str]:
    """The keys of a stack file by which the state's secrets are encrypted now; none where the state does not say."""
    provider: dict[str, Any] = checkpoint.deployment.get("secrets_providers") or {}
    state: dict[str, Any] = provider.get("state") or {}
    if provider.get("type") == "cloud":
        return {"secretsprovider": state["url"], "encryptedkey": state["encryptedkey"]}
    return {"encryptionsalt": state["salt"]} if "salt" in state else {}


def _newest_first(states: States) -> Iterator[str]:
    """Keys end in the nanosecond of the update, so that the newest is the last by name."""
    prefix = states.backend.key(".pulumi", "history", PROJECT, states.stack, "")
    pages = states.s3.get_paginator("list_objects_v2").paginate(Bucket=states.backend.bucket, Prefix=prefix)
    keys = [each["Key"] for page in pages for each in page.get("Contents", []) if each["Key"].endswith(".history.json")]
    yield from sorted(keys, reverse=True)
