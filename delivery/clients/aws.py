"""AWS by boto3: clients that retry when they are throttled, and the codes of their errors."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, cast

import boto3  # pyright: ignore[reportMissingTypeStubs]
from botocore.config import Config  # pyright: ignore[reportMissingTypeStubs]

ATTEMPTS = 8
"""Attempts of one call, throttled ones included; the client waits longer after each (botocore: adaptive mode)."""
SECONDS = 10
"""Time limit of one attempt to connect, or to answer."""

_MAKING_CLIENTS = threading.Lock()
"""Creating a client is not thread-safe in boto3; threads may share the clients themselves."""


def client(service: str, region: str, variables: Mapping[str, str]) -> Any:
    """A client of ``service``.

    Endpoint and credentials are those in ``variables`` (``AWS_ENDPOINT_URL``, ``AWS_ACCESS_KEY_ID`` ...), else boto3's defaults.
    """
    checksums = variables.get("AWS_RESPONSE_CHECKSUM_VALIDATION")
    config = Config(
        retries={"mode": "adaptive", "total_max_attempts": ATTEMPTS},
        connect_timeout=SECONDS,
        read_timeout=SECONDS,
        **({"response_checksum_validation": checksums} if checksums else {}),
    )
    with _MAKING_CLIENTS:
        return cast(Any, boto3).client(
            service,
            region_name=region,
            endpoint_url=variables.get("AWS_ENDPOINT_URL"),
            aws_access_key_id=variables.get("AWS_ACCESS_KEY_ID"),
            aws_secret_access_key=variables.get("AWS_SECRET_ACCESS_KEY"),
            aws_session_token=variables.get("AWS_SESSION_TOKEN"),
            config=config,
        )


def error_code(error: BaseException | None) -> str:
    """The code of an AWS error, such as ``NoSuchKey``; empty for any other error."""
    answer = cast("dict[str, Any]", getattr(error, "response", None) or {})
    return str(answer.get("Error", {}).get("Code", ""))
