"""A stack file as delivery hands it to the engine: the committed one, or a recorded one, with the release in it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, cast

import yaml

from contract import PROJECT
from delivery.errors import DeliveryError
from program.evaluation import CHECKOUT

APPLICATION = f"{PROJECT}:application"
ENCRYPTION = ("secretsprovider", "encryptedkey", "encryptionsalt")


class StackFileError(DeliveryError):
    """A stack file that cannot be read or does not fit."""


def committed(environment: str, checkout: Path = CHECKOUT) -> str:
    """The text of the checkout's stack file."""
    file = checkout / f"Pulumi.{environment}.yaml"
    try:
        return file.read_text()
    except OSError as error:
        raise StackFileError(
            f"{file.name} cannot be read: {error.strerror}", "choose an environment that has a stack file"
        ) from error


def parsed(text: str) -> dict[str, Any]:
    """The file's content."""
    try:
        content: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise StackFileError(f"the stack file is not valid YAML: {error}", "correct the file") from error
    if not isinstance(content, dict) or not isinstance(cast("dict[str, Any]", content).get("config"), dict):
        raise StackFileError("the stack file has no `config:` section", "write the stack's settings under `config:`")
    return cast("dict[str, Any]", content)


def with_release(text: str, image: str | None) -> str:
    """The file with ``image`` as the release of one ``up``; ``None`` leaves the stack's own image."""
    content = parsed(text)
    config: dict[str, Any] = content["config"]
    application = {key: value for key, value in cast("dict[str, Any]", config.get(APPLICATION) or {}).items() if key != "release"}
    if image is not None:
        application["release"] = image
    if application:
        config[APPLICATION] = application
    else:
        config.pop(APPLICATION, None)
    return yaml.safe_dump(content, sort_keys=False, width=1000)


def with_encryption_of(text: str, current: str) -> str:
    """``text`` with the encryption settings of ``current``: a key that was renewed since must not come back."""
    content, now = parsed(text), parsed(current)
    for key in ENCRYPTION:
        content.pop(key, None)
        if key in now:
            content[key] = now[key]
    return yaml.safe_dump(content, sort_keys=False, width=1000)


def digest(text: str) -> str:
    """What tells two configurations apart: not their spelling, not the release, not the encryption of the file."""
    config = parsed(with_release(text, None))["config"]
    return hashlib.sha256(yaml.safe_dump(config, sort_keys=True).encode()).hexdigest()[:16]
