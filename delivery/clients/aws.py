"""AWS clients (boto3) that retry throttled calls, and the codes of AWS errors."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, cast

import boto3  # pyright: ignore[reportMissingTypeStubs]
from botocore.config import Config  # pyright: ignore[reportMissingTypeStubs]
from botocore.exceptions import BotoCoreError, ClientError  # pyright: ignore[reportMissingTypeStubs]

from delivery.errors import UsageError

ATTEMPTS = 8
"""Maximum number of attempts of one call. The client waits between attempts, longer if AWS throttles (botocore: adaptive mode)."""
SECONDS = 10
"""Time limit for the connection, and for the response, of one attempt."""

_MAKING_CLIENTS = threading.Lock()
"""Held while a client is created, because boto3 cannot create clients in several threads at once. Threads can share clients."""


def client(service: str, region: str, variables: Mapping[str, str]) -> Any:
    """A client of ``service``.

    The endpoint and the credentials come from ``variables`` (``AWS_ENDPOINT_URL``, ``AWS_ACCESS_KEY_ID`` ...). If a variable is
    missing in ``variables``, boto3's default applies. Raises ``UsageError`` if boto3 refuses a setting, such as an unknown profile.
    """
    checksums = variables.get("AWS_RESPONSE_CHECKSUM_VALIDATION")
    config = Config(
        retries={"mode": "adaptive", "total_max_attempts": ATTEMPTS},
        connect_timeout=SECONDS,
        read_timeout=SECONDS,
        **({"response_checksum_validation": checksums} if checksums else {}),
    )
    try:
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
    except (BotoCoreError, ValueError) as error:
        raise UsageError(
            f"the settings of the AWS client are not valid: {error}",
            "correct AWS_PROFILE, AWS_CONFIG_FILE, AWS_ENDPOINT_URL or the region",
        ) from error


GONE_CODES = ("NoSuchKey", "NoSuchBucket", "404")
"""Error codes of S3 for an object or a bucket that does not exist."""


def error_code(error: BaseException | None) -> str:
    """The code of an AWS error, such as ``NoSuchKey``; empty for any other error."""
    answer = cast("dict[str, Any]", getattr(error, "response", None) or {})
    return str(answer.get("Error", {}).get("Code", ""))


def conditionally(call: Callable[..., Any], **arguments: Any) -> bool:
    """Perform ``call``, a DynamoDB write with a condition. Returns false, without a write, if the condition does not hold."""
    try:
        call(**arguments)
    except ClientError as error:
        if error_code(error) == "ConditionalCheckFailedException":
            return False
        raise
    return True
