"""Reads, changes and writes stack files. Values that are not changed keep their notation, for example their quotes."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from contract import PROJECT
from delivery.errors import DeliveryError
from program.checkout import CHECKOUT
from program.errors import EvaluationError
from program.project_files import require_unambiguous
from program.protocol import mapped

APPLICATION = f"{PROJECT}:application"
PODS_VARIABLE = "DWCP_PODS"
"""Environment variable that the sandbox sets to ``real`` if its pods are containers."""
ENCRYPTION = ("secretsprovider", "encryptedkey", "encryptionsalt")
WIDEST_LINE = 4096
"""Line width: large enough that no value is wrapped, not even a ciphertext."""


class StackFileError(DeliveryError):
    """A stack file cannot be read or is not valid, or its credentials cannot be decrypted."""


def of_checkout(environment: str, checkout: Path = CHECKOUT, variables: Mapping[str, str] = os.environ) -> str:
    """The text of the checkout's stack file.

    The stack file of ``local`` places Prometheus outside the cluster. If ``DWCP_PODS`` in ``variables`` is ``real``, the returned
    text places Prometheus in the cluster.
    """
    file = checkout / f"Pulumi.{environment}.yaml"
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise StackFileError(
            f"{file.name} is not UTF-8: byte {error.start} is {error.object[error.start]:#04x}", "save the file as UTF-8"
        ) from error
    except OSError as error:
        raise StackFileError(
            f"{file.name} cannot be read: {error.strerror}", "choose an environment that has a stack file"
        ) from error
    if environment != "local" or variables.get(PODS_VARIABLE) != "real":
        return text
    content = parsed(text)
    content["config"].setdefault(f"{PROJECT}:monitoring", {})["outsideCluster"] = False
    return written(content)


def parsed(text: str) -> dict[str, Any]:
    """The file's content. The values have marks with which :func:`written` preserves their notation.

    Raises ``StackFileError`` if the file is not valid YAML, has no ``config`` section, or has a duplicate key or a value that the
    engine and Python can read differently.
    """
    try:
        require_unambiguous(text, "the stack file")
        content: Any = _yaml().load(text)
    except EvaluationError as error:
        raise StackFileError(error.problem, error.fix) from error
    except YAMLError as error:
        raise StackFileError(f"the stack file is not valid YAML: {error}", "correct the file") from error
    if not isinstance(content, dict) or not isinstance(cast("dict[str, Any]", content).get("config"), dict):
        raise StackFileError("the stack file has no `config:` section", "write the stack's settings under `config:`")
    return cast("dict[str, Any]", content)


def written(content: Mapping[str, Any]) -> str:
    """``content`` as text. Values from :func:`parsed` keep their notation, and values from :func:`quoted` get quotes."""
    buffer = io.StringIO()
    _yaml().dump(content, buffer)
    return buffer.getvalue()


def quoted(value: Any) -> Any:
    """``value``, from JSON, with all strings in it marked so that :func:`written` puts them in quotes."""
    return mapped(value, lambda each: DoubleQuotedScalarString(each) if isinstance(each, str) else each)


def with_release(text: str, image: str | None) -> str:
    """The text with ``image`` as ``application.release``. With ``None``, no release is set, so the stack keeps its image."""
    content = parsed(text)
    config: dict[str, Any] = content["config"]
    application = cast("dict[str, Any]", config.get(APPLICATION) or {})
    application.pop("release", None)
    if image is not None:
        application["release"] = quoted(image)
    if application:
        config[APPLICATION] = application
    else:
        config.pop(APPLICATION, None)
    return written(content)


def _yaml() -> Any:
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = WIDEST_LINE
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml
