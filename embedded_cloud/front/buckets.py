"""Two corrections of moto's S3: conditional Deny statements, and the number of versions of an object.

moto ignores the condition of a Deny statement in a bucket policy, and so denies every call that the statement names. This module
evaluates the condition ``aws:SecureTransport``. AWS' endpoint has TLS, and moto's endpoint does not. Therefore a call counts as
sent over TLS unless it has the header ``X-Forwarded-Proto: http``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.s3.models import FakeBucket
from moto.s3.utils import _VersionedKeyStore  # pyright: ignore[reportPrivateUsage]

from embedded_cloud.front.backends import backend
from embedded_cloud.front.call import AwsError, Call
from embedded_cloud.front.permissions import NOT_ALLOWED, actions, decide

FORWARDED = "X-Forwarded-Proto"
SECURE = "aws:SecureTransport"

VERSIONS = 50
"""The maximum number of versions of an object in moto's memory. The engine writes its whole state twice per changed resource."""


def require_allowed_by_bucket(call: Call) -> None:
    """Raise ``AwsError`` if a conditional Deny statement of the bucket's policy names the call, and the condition is met."""
    if call.service != "s3":
        return
    for action, resource in actions(call):
        name = (resource or "").removeprefix("arn:aws:s3:::").split("/", 1)[0]
        bucket = backend("s3", call).buckets.get(name)
        for statement in _conditional_denials(bucket.policy if bucket else None):
            if _is_met(statement["Condition"], call) and not decide(
                [{"Effect": "Allow", "Action": "*", "Resource": "*"}, {**statement, "Condition": {}}], action, resource, call
            ):
                raise AwsError(
                    "AccessDenied",
                    f"Access Denied: the policy of {name} denies {action} with {json.dumps(statement['Condition'])}",
                    NOT_ALLOWED,
                )


def leave_conditions_to_us() -> None:
    """Make moto ignore conditional Deny statements, which :func:`require_allowed_by_bucket` evaluates."""
    FakeBucket.get_permission = _permission  # type: ignore[method-assign]


def keep_last_versions() -> None:
    """Make moto keep only the last ``VERSIONS`` versions of an object. By default, moto keeps all versions in memory."""
    keep_all = _VersionedKeyStore.setlist

    def keep_last(store: _VersionedKeyStore, key: str, versions: Sequence[Any]) -> None:
        keep_all(store, key, versions[-VERSIONS:])

    _VersionedKeyStore.setlist = keep_last  # type: ignore[method-assign]


def _permission(bucket: Any, action: str, resource: str) -> PermissionResult:
    if bucket.policy is None:
        return PermissionResult.NEUTRAL
    policy = json.loads(bucket.policy)
    policy["Statement"] = [each for each in _listed(policy["Statement"]) if each["Effect"] == "Allow" or "Condition" not in each]
    return IAMPolicy(json.dumps(policy)).is_action_permitted(action, resource)


def _conditional_denials(policy: bytes | None) -> list[dict[str, Any]]:
    statements = _listed(json.loads(policy)["Statement"]) if policy else []
    return [each for each in statements if each["Effect"] == "Deny" and "Condition" in each]


def _is_met(condition: dict[str, dict[str, Any]], call: Call) -> bool:
    """Whether every key of a condition is known to this module and has the required value."""
    known = {("Bool", SECURE): "false" if call.request.headers.get(FORWARDED) == "http" else "true"}
    required = {(operator, key): str(value).lower() for operator, keys in condition.items() for key, value in keys.items()}
    return all(known.get(each) == value for each, value in required.items())


def _listed(statements: Any) -> list[dict[str, Any]]:
    return statements if isinstance(statements, list) else [statements]
