"""STS: a web identity token must match the role's trust policy, and no session may exceed the role's maximum session duration."""

from __future__ import annotations

import base64
import binascii
import json
from fnmatch import fnmatchcase
from typing import Any

from embedded_cloud.front.backends import backend
from embedded_cloud.front.call import Call
from embedded_cloud.front.refusals._table import refuses

SOURCE = "https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html"
DEFAULT_LONGEST_SECONDS = 3600


@refuses("sts", "AssumeRoleWithWebIdentity", code="AccessDenied", source=SOURCE)
def stranger_with_a_token(call: Call) -> str | None:
    """Assuming a role with a token whose claims do not match the role's trust policy."""
    role = _role(call)
    claims = _claims(call.parameters["WebIdentityToken"])
    statements = json.loads(role.assume_role_policy_document)["Statement"] if role else []
    if any(_trusts(each, claims) for each in (statements if isinstance(statements, list) else [statements])):
        return None
    return "Not authorized to perform sts:AssumeRoleWithWebIdentity"


@refuses("sts", "AssumeRole", "AssumeRoleWithWebIdentity", code="ValidationError", source=SOURCE)
def session_longer_than_the_role_allows(call: Call) -> str | None:
    """A session that is longer than the role's maximum session duration."""
    role = _role(call)
    longest = int(role.max_session_duration or DEFAULT_LONGEST_SECONDS) if role else DEFAULT_LONGEST_SECONDS
    if int(call.parameters.get("DurationSeconds") or 0) <= longest:
        return None
    return "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."


def _role(call: Call) -> Any:
    """The role that a call assumes; None if it does not exist."""
    name = call.parameters["RoleArn"].rsplit("/", 1)[-1]
    return next((each for each in list(backend("iam", call).roles.values()) if each.name == name), None)


def _claims(token: str) -> dict[str, Any]:
    """The claims of a token; empty for a text that is not a token."""
    try:
        payload = token.split(".")[1]
        return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError, binascii.Error):
        return {}


def _trusts(statement: dict[str, Any], claims: dict[str, Any]) -> bool:
    actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
    issuer = str(claims.get("iss", "")).removeprefix("https://")
    federated = str(statement.get("Principal", {}).get("Federated", ""))
    if "sts:AssumeRoleWithWebIdentity" not in actions or not (issuer and federated.endswith(f"oidc-provider/{issuer}")):
        return False
    return all(
        _holds(operator, claims.get(key.rsplit(":", 1)[-1]), wanted)
        for operator, keys in statement.get("Condition", {}).items()
        for key, wanted in keys.items()
    )


def _holds(operator: str, value: Any, wanted: Any) -> bool:
    """Whether a claim is one of the ``wanted`` values; false for an unknown operator."""
    choices = wanted if isinstance(wanted, list) else [wanted]
    match operator:
        case "StringEquals":
            return value in choices
        case "StringLike":
            return any(fnmatchcase(str(value), each) for each in choices)
        case _:
            return False
