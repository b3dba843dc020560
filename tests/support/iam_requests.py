"""IAM's documented evaluation of requests. It shows which permissions a document grants, independently of the policy rules.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from itertools import product
from typing import Any

Document = Mapping[str, Any]
Context = Mapping[str, tuple[str, ...]]

OURS = "123456789012"
STRANGER = "999988887777"


@dataclass(frozen=True)
class Request:
    """One request: its principal, action, resource and context keys."""

    principal: str
    action: str
    resource: str
    context: Context

    @property
    def named(self) -> tuple[str, str, str]:
        """The request without its context, for comparisons, because the adversary's context depends on the document."""
        return self.principal, self.action, self.resource


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def statements(document: Document) -> list[dict[str, Any]]:
    return listed(document["Statement"])


def like(pattern: str, value: str) -> bool:
    """Whether ``value`` matches a pattern with ``*`` and ``?``, regardless of case."""
    parts = re.split(r"([*?])", pattern)
    return re.fullmatch("".join({"*": ".*", "?": "."}.get(each, re.escape(each)) for each in parts), value, re.I | re.S) is not None


def arn_like(pattern: str, arn: str) -> bool:
    """Whether each of an ARN's six parts matches, as for ``Resource`` and the ARN operators."""
    left, right = pattern.split(":", 5), arn.split(":", 5)
    return len(left) == len(right) and all(map(like, left, right))


def allowed(document: Document, request: Request) -> bool:
    """Whether the document, without other policies, allows the request."""
    applying = [each for each in statements(document) if _applies(each, request)]
    return any(each["Effect"] == "Allow" for each in applying) and all(each["Effect"] != "Deny" for each in applying)


def _applies(statement: Mapping[str, Any], request: Request) -> bool:
    return (
        _element(statement, "Action", request.action, like)
        and _element(statement, "Resource", request.resource, lambda pattern, arn: pattern == "*" or like(pattern, arn))
        and _principal(statement, request.principal)
        and all(
            _condition(operator, key, [str(each) for each in listed(values)], request.context)
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        )
    )


def _element(statement: Mapping[str, Any], key: str, value: str, compare: Any) -> bool:
    if f"Not{key}" in statement:
        return not any(compare(each, value) for each in listed(statement[f"Not{key}"]))
    return key not in statement or any(compare(each, value) for each in listed(statement[key]))


def _principal(statement: Mapping[str, Any], principal: str) -> bool:
    for key, wanted in (("Principal", True), ("NotPrincipal", False)):
        if key in statement:
            named = statement[key]
            pairs = [("*", named)] if isinstance(named, str) else [(kind, each) for kind in named for each in listed(named[kind])]
            return wanted == any(_is(kind, name, principal) for kind, name in pairs)
    return True


def _is(kind: str, name: str, principal: str) -> bool:
    """Whether a principal in a statement is the caller. A federated caller has the issuer's name, an AWS caller has an ARN."""
    if kind == "Federated" or principal.startswith("token:"):
        return kind == "Federated" and principal == f"token:{name}"
    return kind in ("AWS", "*") and (name == "*" or name == principal.split(":")[4] or like(name, principal))


NEGATIVE = re.compile("Not", re.I)


def _condition(operator: str, key: str, values: list[str], context: Context) -> bool:
    given = context.get(key.lower())
    name = operator.lower()
    if name == "null":
        return any((given is None) == (each.lower() == "true") for each in values)
    if name.endswith("ifexists"):
        if given is None:
            return True
        name = name.removesuffix("ifexists")
    quantifier, _, rest = name.rpartition(":")
    negative, plain = "not" in rest, rest.replace("not", "")
    if given is None:
        return quantifier == "forallvalues" or (negative and quantifier != "foranyvalue")
    hits = [any(_compare(plain, value, each) for value in values) != negative for each in given]
    return any(hits) if quantifier == "foranyvalue" else all(hits)


def _compare(operator: str, value: str, given: str) -> bool:
    match operator:
        case "stringequals":
            return value == given
        case "stringequalsignorecase" | "bool":
            return value.lower() == given.lower()
        case "stringlike":
            return like(value, given) and _cased(value, given)
        case "arnequals" | "arnlike":
            return arn_like(value, given)
        case "ipaddress":
            return ip_address(given) in ip_network(value, strict=False)
        case "dategreaterthan":
            return given > value
        case _:
            return False


def _cased(pattern: str, value: str) -> bool:
    """Whether ``value`` matches by ``StringLike``, which is case-sensitive."""
    fixed = re.split(r"[*?]+", pattern)
    return all(each in value for each in fixed)


CALLER_KEYS = {
    "aws:principalaccount": STRANGER,
    "aws:principalarn": f"arn:aws:iam::{STRANGER}:role/zq",
    "aws:principalorgid": "o-zqxw9zqxw9",
    "aws:sourceaccount": STRANGER,
    "aws:sourcearn": f"arn:aws:s3:eu-north-1:{STRANGER}:zq",
    "aws:sourceip": "203.0.113.7",
    "aws:sourcevpc": "vpc-0999",
    "aws:sourcevpce": "vpce-0999",
    "aws:userid": "AROAZQXW9ZQXW9ZQXW9ZQ:zq",
    "kms:calleraccount": STRANGER,
    "kms:encryptioncontext:aws:logs:arn": f"arn:aws:logs:us-east-1:{STRANGER}:log-group:zq",
}
"""Context keys that AWS sets from the caller's identity and network."""
TOKEN_SUBJECT = "repo:zq-owner/zq:ref:refs/heads/main"


def contexts(document: Document) -> Iterator[Context]:
    """The contexts that an adversary can send: with or without the keys of its identity, and with the document's other keys."""
    required: dict[str, set[str]] = {}
    for statement in statements(document):
        for keys in statement.get("Condition", {}).values():
            for key, values in keys.items():
                name = key.lower()
                if name not in CALLER_KEYS and not name.endswith(":sub"):
                    required.setdefault(name, {"zq"}).update(re.sub(r"[*?]", "x", str(each)) for each in listed(values))
    choices = {name: sorted(values) for name, values in required.items()}
    for values in list(product(*choices.values()))[:32]:
        chosen = {name: (value,) for name, value in zip(choices, values, strict=True)}
        yield chosen
        yield {**chosen, **{key: (value,) for key, value in CALLER_KEYS.items()}}
        yield {**chosen, "aws:sourceip": ("2600:1f18::7",)}


def open_to_strangers(document: Document, actions: tuple[str, ...], resource: str) -> set[tuple[str, str, str]]:
    """The requests that a caller without any relation to the account may send."""
    found: set[tuple[str, str, str]] = set()
    issuers = {
        each
        for statement in statements(document)
        if isinstance(statement.get("Principal"), dict)
        for each in listed(statement["Principal"].get("Federated"))
    }
    for context in contexts(document):
        for action in actions:
            callers = [(f"arn:aws:iam::{STRANGER}:role/zq", context)]
            for issuer in issuers:
                host = issuer.partition("oidc-provider/")[2].lower()
                callers.append((f"token:{issuer}", {**context, f"{host}:sub": (TOKEN_SUBJECT,)}))
            for principal, keys in callers:
                request = Request(principal, action, resource, keys)
                if allowed(document, request):
                    found.add(request.named)
    return found


SERVICES = {
    "s3": ("GetObject", "PutObject", "DeleteBucket", "ListAllMyBuckets", "AbortMultipartUpload"),
    "ec2": ("RunInstances", "TerminateInstances", "DescribeImages", "ModifyVpcAttribute", "AcceptVpcPeeringConnection"),
    "kms": ("Decrypt", "ScheduleKeyDeletion", "ListKeys", "CreateGrant", "ReEncryptTo"),
    "iam": ("CreateUser", "PutRolePolicy", "ListRoles", "AttachRolePolicy", "UploadServerCertificate"),
    "dynamodb": ("GetItem", "DeleteTable", "ListTables", "PutItem", "UpdateItem"),
}
FOREIGN = ("arn:aws:{0}:eu-north-1:999988887777:table/zq", "arn:aws:{0}:::zq-bucket", "arn:aws:{0}:::zq-bucket/zq/object")


def powers(document: Document, role: str, policies: tuple[str, ...] = ()) -> set[tuple[str, str]]:
    """The permissions that the document grants to an identity and that no role of the platform needs.

    These are all actions of a service on other owners' resources, and actions that extend the identity's own permissions.
    ``policies`` are the ARNs of the policies that are attached to the identity.
    """
    found: set[tuple[str, str]] = set()
    for context in contexts(document):
        for service, verbs in SERVICES.items():
            for resource in (each.format(service) for each in FOREIGN):
                if all(allowed(document, Request("", f"{service}:{verb}", resource, context)) for verb in verbs):
                    found.add((f"{service}:*", "everything"))
        own = f"arn:aws:iam::{OURS}:role/{role}"
        for action in (
            "iam:AttachRolePolicy",
            "iam:PutRolePolicy",
            "iam:DeleteRolePermissionsBoundary",
            "iam:UpdateAssumeRolePolicy",
        ):
            if allowed(document, Request("", action, own, context)):
                found.add((action, "itself"))
        for action in ("iam:CreateAccessKey", "iam:PutUserPolicy"):
            if allowed(document, Request("", action, f"arn:aws:iam::{OURS}:user/zq-other", context)):
                found.add((action, "any user"))
        for action in ("iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion"):
            if any(allowed(document, Request("", action, policy, context)) for policy in policies):
                found.add((action, "its policy"))
        for action in ("iam:AddUserToGroup", "iam:AttachGroupPolicy", "iam:PutGroupPolicy"):
            if allowed(document, Request("", action, f"arn:aws:iam::{OURS}:group/zq-other", context)):
                found.add((action, "any group"))
        for action in ("iam:PassRole", "sts:AssumeRole", "iam:UpdateAssumeRolePolicy"):
            if allowed(document, Request("", action, f"arn:aws:iam::{OURS}:role/zq-other", context)):
                found.add((action, "any role"))
    return found
