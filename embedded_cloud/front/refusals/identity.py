"""STS: the tokens with which a role's trust policy allows assuming it."""

from __future__ import annotations

import base64
import binascii
import json
from fnmatch import fnmatchcase
from typing import Any

from embedded_cloud.front.backends import backend
from embedded_cloud.front.call import Call
from embedded_cloud.front.refusals.table import refuses

SOURCE = "https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html"


@refuses("sts", "AssumeRoleWithWebIdentity", code="AccessDenied", source=SOURCE)
def stranger_with_a_token(call: Call) -> str | None:
    """Assuming a role with a token whose claims its trust policy does not name."""
    name = call.parameters["RoleArn"].rsplit("/", 1)[-1]
    role = next((each for each in list(backend("iam", call).roles.values()) if each.name == name), None)
    claims = _claims(call.parameters["WebIdentityToken"])
    statements = json.loads(role.assume_role_policy_document)["Statement"] if role else []
    if any(_trusts(each, claims) for each in (statements if isinstance(statements, list) else [statements])):
        return None
    return "Not authorized to perform sts:AssumeRoleWithWebIdentity"


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
