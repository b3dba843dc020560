"""The present stack file is read from the engine's history, with credentials that the present key decrypts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from accounts import Account

from delivery.clients.checkpoint import States
from delivery.clients.state_backend import Backend
from delivery.releases.configuration import present_stack_file
from delivery.releases.settings import leaves_of
from delivery.releases.stack_file import StackFileError, parsed, written
from delivery.state.history import last_update

BUCKET = "history"


@pytest.fixture
def states(account: Account) -> States:
    """A stack whose last update set another port and another password than the checkout has."""
    s3 = account.aws("s3")
    s3.create_bucket(Bucket=BUCKET)
    for each in s3.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        s3.delete_object(Bucket=BUCKET, Key=each["Key"])
    states = States(account, Backend(bucket=BUCKET, prefix="p"))
    state = {"type": "cloud", "state": {"url": "awskms://now", "encryptedkey": "NOW"}}
    s3.put_object(Bucket=BUCKET, Key=states.key, Body=json.dumps({"checkpoint": {"latest": {"secrets_providers": state}}}))
    return states


def write_history(states: States, time: int, config: dict[str, Any], kind: str = "update", **environment: str) -> None:
    key = f"p/.pulumi/history/dwcp-v3/{states.stack}/{states.stack}-{time}.history.json"
    states.s3.put_object(Bucket=BUCKET, Key=key, Body=json.dumps({"kind": kind, "config": config, "environment": environment}))


def config(port: int, password: str) -> dict[str, Any]:
    return {"dwcp-v3:application": {"port": port}, "dwcp-v3:redisPassword": {"secure": password}}


@pytest.fixture
def checkout(account: Account, tmp_path: Path) -> Path:
    text = written({"config": config(9090, "renewed"), "secretsprovider": "awskms://renewed", "encryptedkey": "RENEWED"})
    (tmp_path / f"Pulumi.{account.name}.yaml").write_text(text)
    return tmp_path


def test_the_stack_file_is_that_of_the_last_update(account: Account, states: States, checkout: Path) -> None:
    """An older update, a refresh and the checkout do not count."""
    write_history(states, 1, config(8080, "old"))
    write_history(states, 2, config(8081, "rotated"))
    write_history(states, 3, config(1, "none"), kind="refresh")
    text = present_stack_file(account, states, last_update(states), lambda _: True, checkout=checkout)
    assert parsed(text)["config"] == config(8081, "rotated")
    assert parsed(text)["encryptedkey"] == "NOW"
    assert leaves_of(last_update(states).config) == {"application.port": 8081}


@pytest.mark.parametrize(
    ("environment", "commit"),
    [({"git.head": "abc", "git.dirty": "false"}, "abc"), ({"git.head": "abc", "git.dirty": "true"}, ""), ({}, "")],
    ids=["clean", "with other files", "not in git"],
)
def test_the_program_of_the_last_update_is_its_commit(states: States, environment: dict[str, str], commit: str) -> None:
    write_history(states, 1, config(8080, "x"), **environment)
    assert last_update(states).commit == commit


def test_after_a_change_of_the_key_the_credentials_are_read_from_the_checkout(
    account: Account, states: States, checkout: Path
) -> None:
    """`pulumi stack change-secrets-provider` writes state and stack file, and leaves the history as it was."""
    write_history(states, 1, config(8081, "under the old key"))
    tried: list[str] = []

    def only_the_checkouts(text: str) -> bool:
        tried.append(text)
        return "under the old key" not in text

    text = present_stack_file(account, states, last_update(states), only_the_checkouts, checkout=checkout)
    assert parsed(text) == {"config": config(8081, "renewed"), "secretsprovider": "awskms://renewed", "encryptedkey": "RENEWED"}
    assert len(tried) == 3
    with pytest.raises(StackFileError, match="no key decrypts the credentials"):
        present_stack_file(account, states, last_update(states), lambda _: False, checkout=checkout)


def test_a_stack_without_history_uses_the_file_of_the_checkout(account: Account, states: States, checkout: Path) -> None:
    text = present_stack_file(account, states, last_update(states), checkout=checkout)
    assert text == (checkout / f"Pulumi.{account.name}.yaml").read_text()
