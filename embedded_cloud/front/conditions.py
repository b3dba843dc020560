"""Evaluates the conditions of policy statements, for condition keys whose values come from the call or the account's resources."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from embedded_cloud.front.backends import backend
from embedded_cloud.front.call import Call
from embedded_cloud.front.named import aliases, tags

Compare = Callable[[str, str], bool]


def _like(found: str, wanted: str) -> bool:
    return fnmatchcase(found, wanted.replace("[", "[[]"))


OPERATORS: dict[str, Compare] = {"StringEquals": str.__eq__, "StringLike": _like, "ArnEquals": _like, "ArnLike": _like}
"""The evaluated operators. Their negations (``StringNotEquals``) and the prefix ``ForAnyValue:`` are also evaluated.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

TAG = "aws:resourcetag/"


def is_met(condition: Mapping[str, Mapping[str, Any]], call: Call, resource: str | None, *, unknown: bool) -> bool:
    """Whether a condition is met. ``unknown`` is the result if some parts cannot be evaluated and all other parts are met."""
    results = [
        _compared(operator, wanted if isinstance(wanted, list) else [wanted], _values(key.lower(), call, resource))
        for operator, keys in condition.items()
        for key, wanted in keys.items()
    ]
    return False not in results and (unknown or None not in results)


def _compared(operator: str, wanted: list[Any], found: tuple[str, ...] | None) -> bool | None:
    negated = "Not" in operator
    compare = OPERATORS.get(operator.replace("Not", "").removeprefix("ForAnyValue:"))
    if compare is None or found is None:
        return None
    if negated:  # a missing key meets a negated operator
        return not any(compare(value, str(each)) for value in found for each in wanted)
    return any(compare(value, str(each)) for value in found for each in wanted)


def _values(key: str, call: Call, resource: str | None) -> tuple[str, ...] | None:
    """The values of a condition key for one resource of a call: empty if the key has no value, ``None`` if it is not evaluated."""
    match key:
        case _ if key.startswith(TAG):
            if resource is None or resource == "*":
                return None
            found = {name.lower(): value for name, value in tags(call, resource).items()}.get(key.removeprefix(TAG))
            return () if found is None else (found,)
        case "kms:resourcealiases":
            return aliases(call, resource) if resource and call.service == "kms" else () if call.service != "kms" else None
        case "iam:policyarn":
            return _given(call, "PolicyArn")
        case "iam:permissionsboundary":
            return _given(call, "PermissionsBoundary") or _boundary(call)
        case "iam:awsservicename":
            return _given(call, "AWSServiceName")
        case _:
            return None


def _given(call: Call, parameter: str) -> tuple[str, ...]:
    value = call.parameters.get(parameter)
    return (str(value),) if value else ()


def _boundary(call: Call) -> tuple[str, ...]:
    """The present permissions boundary of the role that a call changes; empty if the role has none, and for ``CreateRole``."""
    name = call.parameters.get("RoleName")
    roles = [each for each in list(backend("iam", call).roles.values()) if each.name == name]
    return tuple(each.permissions_boundary_arn for each in roles if each.permissions_boundary_arn and call.name != "CreateRole")
