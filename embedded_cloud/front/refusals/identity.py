"""STS: a token or a caller must match the role's trust policy, and no session may exceed the maximum session duration."""

from __future__ import annotations

import base64
import binascii
import json
from fnmatch import fnmatchcase
from typing import Any

from embedded_cloud.front.accounts import ACCOUNT
from embedded_cloud.front.backends import backend
from embedded_cloud.front.call import Call
from embedded_cloud.front.permissions import Caller, caller_of
from embedded_cloud.front.refusals._table import refuses

SOURCE = "https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html"
TRUST = "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-user.html"
CHAINING = "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html"
DEFAULT_LONGEST_SECONDS = CHAINED_LONGEST_SECONDS = 3600


@refuses("sts", "AssumeRoleWithWebIdentity", code="AccessDenied", source=SOURCE)
def stranger_with_a_token(call: Call) -> str | None:
    """Assuming a role with a token whose claims do not match the role's trust policy."""
    claims = _claims(call.parameters["WebIdentityToken"])
    if any(_trusts(each, claims) for each in _statements(_role(call))):
        return None
    return "Not authorized to perform sts:AssumeRoleWithWebIdentity"


@refuses("sts", "AssumeRole", code="AccessDenied", source=TRUST)
def stranger_with_a_role(call: Call) -> str | None:
    """Assuming a role whose trust policy names neither the caller's role nor the account."""
    caller = _caller_with_role(call)
    if caller is None:
        return None
    own = {each.arn for each in list(backend("iam", call).roles.values()) if each.name == caller.role}
    own |= {ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root"}
    if any(own & set(_principals(each)) for each in _statements(_role(call)) if "sts:AssumeRole" in _listed(each["Action"])):
        return None
    return f"User: {caller.arn} is not authorized to perform: sts:AssumeRole on resource: {call.parameters['RoleArn']}"


@refuses("sts", "AssumeRole", code="ValidationError", source=CHAINING)
def chained_session_longer_than_an_hour(call: Call) -> str | None:
    """A session of more than one hour for a caller that has assumed a role itself."""
    if _caller_with_role(call) is None or int(call.parameters.get("DurationSeconds") or 0) <= CHAINED_LONGEST_SECONDS:
        return None
    return "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"


@refuses("sts", "AssumeRole", "AssumeRoleWithWebIdentity", code="ValidationError", source=SOURCE)
def session_longer_than_the_role_allows(call: Call) -> str | None:
    """A session that is longer than the role's maximum session duration.

    API_AssumeRole.html has the same rule for AssumeRole.
    """
    role = _role(call)
    longest = int(role.max_session_duration or DEFAULT_LONGEST_SECONDS) if role else DEFAULT_LONGEST_SECONDS
    if int(call.parameters.get("DurationSeconds") or 0) <= longest:
        return None
    return "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."


def _role(call: Call) -> Any:
    """The role that a call assumes; None if it does not exist."""
    name = call.parameters["RoleArn"].rsplit("/", 1)[-1]
    return next((each for each in list(backend("iam", call).roles.values()) if each.name == name), None)


def _caller_with_role(call: Call) -> Caller | None:
    """The caller, if it has assumed a role; otherwise ``None``."""
    caller = caller_of(call.access_key, call.token) if call.access_key else None
    return caller if caller is not None and caller.role is not None else None


def _statements(role: Any) -> list[dict[str, Any]]:
    """The statements of a role's trust policy; empty for a role that does not exist."""
    return _listed(json.loads(role.assume_role_policy_document)["Statement"]) if role else []


def _principals(statement: dict[str, Any]) -> list[str]:
    """The AWS principals that a statement allows."""
    principal: Any = statement.get("Principal")
    return _listed(principal.get("AWS", [])) if statement["Effect"] == "Allow" and isinstance(principal, dict) else []


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _claims(token: str) -> dict[str, Any]:
    """The claims of a token; empty for a text that is not a token."""
    try:
        payload = token.split(".")[1]
        return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError, binascii.Error):
        return {}


def _trusts(statement: dict[str, Any], claims: dict[str, Any]) -> bool:
    issuer = str(claims.get("iss", "")).removeprefix("https://")
    federated = str(statement.get("Principal", {}).get("Federated", ""))
    actions = _listed(statement["Action"])
    if "sts:AssumeRoleWithWebIdentity" not in actions or not (issuer and federated.endswith(f"oidc-provider/{issuer}")):
        return False
    return all(
        _holds(operator, claims.get(key.rsplit(":", 1)[-1]), wanted)
        for operator, keys in statement.get("Condition", {}).items()
        for key, wanted in keys.items()
    )


def _holds(operator: str, value: Any, wanted: Any) -> bool:
    """Whether a claim is one of the ``wanted`` values; false for an unknown operator."""
    choices = _listed(wanted)
    match operator:
        case "StringEquals":
            return value in choices
        case "StringLike":
            return any(fnmatchcase(str(value), each) for each in choices)
        case _:
            return False
