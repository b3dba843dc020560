"""Evaluates IAM policies: which actions a statement allows on which resources, independent of the statement's notation.

Sources: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html and
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase, translate
from functools import cache
from typing import Any, cast

from policies.addresses import internet_in
from policies.views import View

VERBS = ("Add", "Attach", "Create", "Delete", "Describe", "Get", "List", "Put", "Remove", "Set", "Update")
"""The verbs with which actions usually begin. Patterns that match an action with each of these verbs count as every action."""

ARN_FORMS = ("arn:aws:{service}:eu-north-1:999999999999:{name}/x", "arn:aws:{service}:::{name}", "arn:aws:{service}:::{name}/x/k")
"""The forms of an ARN. Patterns that match one form with every name in ``ANY_NAMES`` count as all resources."""

ANY_NAMES = ("zq-xw9", "aj-k7", "mq.x")
"""Names that do not exist and have nothing in common, so only a wildcard matches all of them."""

POWERFUL = ("iam", "sts", "organizations", "account", "sso", "sso-admin")
"""A statement must not allow every action of one of these services, even on a single resource."""

CALLER_KEYS = frozenset(
    {
        *("aws:principalaccount", "aws:principalarn", "aws:principalorgid", "aws:principalorgpaths", "aws:userid"),
        *("aws:sourceaccount", "aws:sourcearn", "aws:sourceip", "aws:sourceorgid", "aws:sourceowner", "aws:sourcevpc"),
        *("aws:sourcevpce", "kms:calleraccount", "kms:encryptioncontext:aws:logs:arn"),
    }
)
"""Condition keys that identify the caller. Any caller can satisfy a condition on another key, such as TLS or the time."""

ADMIN_POLICIES = ("AdministratorAccess*", "PowerUserAccess", "*FullAccess", "SystemAdministrator", "*Administrator")
"""Patterns of the names of AWS managed policies that give more permissions than a role of this platform needs."""

COMPARING = frozenset({"stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike", "ipaddress", "bool"})
"""Operators that compare a key with values. A condition with such an operator is false for a request without the key."""

OWNED = re.compile(
    r"arn:[^:*?]+:[^:*?]+:[^:]*:[^:*?]+:|arn:[^:*?]+:s3:::[^/*?]+/|o-[^/*?]+/|A[A-Z0-9]{15,}:|system:serviceaccount:[^:*?]+:"
    r"|repo:[^:*?]+:ref:refs/tags/[^*?]"
)
"""Prefixes of names that belong to one owner: an account, bucket, organisation, role, namespace, or the tags of a repository.

The prefix of a whole repository is not in the list. A user who can push a branch can add a workflow to this branch, and the
workflow gets a token with this prefix. The prefix of a repository's tags is in the list, because a ruleset can limit who creates
tags.
"""


@dataclass(frozen=True)
class StatementView:
    """One statement of a policy document, and the property that contains the document."""

    holder: View
    path: str
    effect: str
    actions: tuple[str, ...]
    not_actions: tuple[str, ...]
    resources: tuple[str, ...]
    not_resources: tuple[str, ...]
    principals: tuple[tuple[str, str], ...]
    """Kind (``AWS``, ``Service``, ``Federated``) and name of each principal; both are ``*`` for the principal ``*``."""
    not_principals: bool
    conditions: tuple[tuple[str, str, tuple[str, ...]], ...]
    """Operator, key and values; the operator and the key are in lower case."""

    @property
    def allows(self) -> bool:
        """Whether the effect of the statement is Allow."""
        return self.effect == "Allow"

    def matches_action(self, action: str) -> bool:
        """Whether the statement applies to an action."""
        if self.not_actions:
            return not any(matches(each, action) for each in self.not_actions)
        return any(matches(each, action) for each in self.actions)

    def matches_resource(self, arn: str) -> bool:
        """Whether the statement applies to a resource. Account and region are compared only if both ARNs contain them."""
        if self.not_resources:
            return not any(_matches_arn(each, arn) for each in self.not_resources)
        return not self.resources or any(_matches_arn(each, arn) for each in self.resources)

    def condition(self, key: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The operators and values of the conditions on keys that end in ``key``."""
        return tuple((operator, values) for operator, name, values in self.conditions if name == key or name.endswith(key))


def statements(view: View, path: str) -> Iterator[StatementView]:
    """The statements of the policy document in a property. A document can also contain a single statement instead of a list."""
    document = view.document(path)
    listed = document.views("Statement") if isinstance(document.get("Statement"), list) else [document.view("Statement")]
    for each in listed:
        if list(each.items()):
            yield StatementView(
                holder=view,
                path=path,
                effect=each.text("Effect"),
                actions=_list(each, "Action"),
                not_actions=_list(each, "NotAction"),
                resources=_list(each, "Resource"),
                not_resources=_list(each, "NotResource"),
                principals=tuple(_principals(each)),
                not_principals=each.has("NotPrincipal"),
                conditions=tuple(_conditions(each)),
            )


def _list(statement: View, key: str) -> tuple[str, ...]:
    value: Any = statement.get(key)
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(str(item) for item in statement.values(key))


def _principals(statement: View) -> Iterator[tuple[str, str]]:
    value: Any = statement.get("Principal")
    if value is None:
        return
    if isinstance(value, str):
        yield value, value
        return
    for kind, _ in statement.view("Principal").items():
        for name in _list(statement.view("Principal"), kind):
            yield kind, name


def _conditions(statement: View) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    for operator, keys in statement.view("Condition").items():
        if not isinstance(keys, dict):
            continue
        for key in cast("dict[str, Any]", keys):
            yield operator.lower(), key.lower(), _values(statement.view("Condition").view(operator), key)


def _values(view: View, key: str) -> tuple[str, ...]:
    value = dict(view.items()).get(key)
    items = cast("list[Any]", value) if isinstance(value, list) else [value]
    for item in items:
        view.known(item, key)
    return tuple(str(item) for item in items)


@cache
def _pattern(pattern: str) -> re.Pattern[str]:
    escaped = pattern.replace("[", "[[]")
    return re.compile(translate(escaped), re.IGNORECASE)


def matches(pattern: str, text: str) -> bool:
    """Whether a pattern with ``*`` and ``?`` matches a string; upper and lower case are equal."""
    return _pattern(pattern).match(text) is not None


def _matches_arn(pattern: str, arn: str) -> bool:
    left, right = pattern.split(":", 5), arn.split(":", 5)
    if len(left) < 6 or len(right) < 6:
        return matches(pattern, arn)
    same_service = matches(left[2], right[2])
    return same_service and all(_may_equal(left[part], right[part]) for part in (3, 4)) and matches(left[5], right[5])


def _may_equal(pattern: str, value: str) -> bool:
    return not pattern or value in ("", "*") or matches(pattern, value)


def covers_service(service: str, given: Iterable[StatementView]) -> bool:
    """Whether the statements in ``given``, taken together, name every action of a service."""
    listed = [action if ":" in action else f"{action}:{action}" for each in given for action in each.actions]
    verbs = [verb for name, _, verb in (each.partition(":") for each in listed) if matches(name, service)]
    return all(any(matches(pattern, f"{verb}Zq") for pattern in verbs) for verb in VERBS)


def many_services(statement: StatementView) -> list[str]:
    """The actions in a statement that have a pattern as their service, such as ``s*:Get*``."""
    return [each for each in statement.actions if re.search(r"[*?]", each.partition(":")[0])]


def everything(statement: StatementView, service: str) -> bool:
    """Whether the patterns in ``Resource`` match all resources of a service. Other statements do not count."""
    service = "zq" if service == "*" else service
    return any(
        all(any(matches(each, form.format(service=service, name=name)) for each in statement.resources) for name in ANY_NAMES)
        for form in ARN_FORMS
    )


RESOURCE_KEYS = (
    *("aws:resourcetag/", "dynamodb:leadingkeys", "kms:encryptioncontext", "kms:resourcealiases", "kms:viaservice"),
    *("s3:existingobjecttag/", "secretsmanager:resourcetag/", "ssm:resourcetag/"),
)
"""The beginnings of condition keys that limit an action to certain resources: by tags, names, contents, or the calling service."""


def names_resources(statement: StatementView) -> bool:
    """Whether a condition on one of the ``RESOURCE_KEYS`` limits a statement to certain resources."""
    return any(
        key.startswith(RESOURCE_KEYS) and binds(operator, values, lambda value: re.match(r"(?!alias/[*?])[^*?]", value) is not None)
        for operator, key, values in statement.conditions
    )


def binds(operator: str, values: tuple[str, ...], fixed: Callable[[str], bool]) -> bool:
    """Whether a condition admits only values that ``fixed`` accepts.

    Only the operators in ``COMPARING`` count. A condition with a negated operator, ``...IfExists`` or ``ForAllValues:`` also admits
    requests without the key, and ``Null`` compares no values.
    """
    return operator.removeprefix("foranyvalue:") in COMPARING and bool(values) and all(map(fixed, values))


def _one_owner(value: str) -> bool:
    """Whether all names that match the pattern ``value`` belong to one owner."""
    return re.search(r"[*?]", value) is None or OWNED.match(value) is not None


def _one_target(value: str) -> bool:
    """Whether the pattern ``value`` matches only one policy or service; a wildcard for the account is accepted."""
    return re.search(r"[*?]", value.rpartition(":")[2]) is None


def _administrative(arn: str) -> bool:
    """Whether a policy is one of AWS' policies for administrators."""
    name = arn.rpartition("/")[2]
    return arn.startswith("arn:aws") and ":aws:policy/" in arn and any(fnmatchcase(name, each) for each in ADMIN_POLICIES)


def _limiting_policy(arn: str) -> bool:
    """Whether the pattern ``arn`` matches only one policy, and this policy is not one of AWS' policies for administrators."""
    return _one_target(arn) and not _administrative(arn)


POLICY_KEYS = ("iam:permissionsboundary", "iam:policyarn")
"""Condition keys with the ARN of a policy: the boundary that a role must have, and the policy that may be attached to it."""

TARGET_KEYS: Mapping[str, Callable[[str], bool]] = {
    **dict.fromkeys(POLICY_KEYS, _limiting_policy),
    "iam:passedtoservice": _one_target,
    "iam:awsservicename": _one_target,
    "kms:grantisforawsresource": "true".__eq__,
}
"""Condition keys that limit the target of an action, each with a function that accepts a value if it allows only one target."""


def public(statement: StatementView) -> bool:
    """Whether a statement allows its actions to everyone.

    Two things must hold for this. First, the statement has ``NotPrincipal``, or a principal that does not belong to one owner, such
    as ``*``. Second, no condition limits the caller.
    """
    if not statement.allows:
        return False
    named = [name for kind, name in statement.principals if kind in ("*", "AWS") or name == "*"]
    everyone = statement.not_principals or not all(map(_one_owner, named))
    return everyone and not any(_narrows(*each) for each in statement.conditions)


def _narrows(operator: str, key: str, values: tuple[str, ...]) -> bool:
    if key in CALLER_KEYS and operator.endswith("ipaddress"):
        return binds(operator, values, bool) and not internet_in(values)
    return key in CALLER_KEYS and binds(operator, values, _one_owner)


ACCOUNT_KEYS = ("aws:principalaccount", "aws:principalarn", "aws:sourceaccount", "aws:sourcearn", "kms:calleraccount")
"""Condition keys whose value is an account, or the ARN of a calling principal or resource."""


ACCOUNT = re.compile(r"(?:arn:[^:]*:[^:]*:[^:]*:)?(\d{12})(?::.*)?|([0-9a-f]{64})")
"""The id of an account, an ARN that contains this id, or the canonical id of an account in S3."""


def account_of(name: str) -> str:
    """The account in an ARN or other name of a principal; empty if the name contains no account."""
    found = ACCOUNT.fullmatch(name)
    return (found[1] or found[2]) if found else ""


def accounts_in(statement: StatementView) -> set[str]:
    """The accounts that a statement names as principals, or as the callers in its conditions."""
    named = [name for _, name in statement.principals]
    for operator, key, values in statement.conditions:
        if key in ACCOUNT_KEYS and binds(operator, values, bool):
            named += values
    return {account_of(name) for name in named} - {""}


def accepts_any_token(statement: StatementView) -> str:
    """The reason why a statement of a trust policy accepts too many tokens of a web identity issuer; ``""`` if it does not.

    A token contains only the keys of its own issuer, so a condition on the subject of one issuer refuses the tokens of all others.
    For Cognito, a condition on the identity pool, which is a token's audience, is sufficient.
    """
    names = [name for kind, name in statement.principals if kind == "Federated"]
    trusted = [name for name in names if ":saml-provider/" not in name]
    if not statement.allows or not trusted or not statement.matches_action("sts:AssumeRoleWithWebIdentity"):
        return ""
    subjects = [*statement.condition(":sub"), *statement.condition("cognito-identity.amazonaws.com:aud")]
    if any(binds(*each, _one_owner) for each in subjects):
        return ""
    wide = [value for operator, values in subjects if binds(operator, values, bool) for value in values if not _one_owner(value)]
    return f"tokens of {wide[0]} are accepted" if wide else "any token of the issuer is accepted: no condition names the subject"


def allowed(
    action: str, arn: str, given: Iterable[StatementView], limit: Iterable[StatementView] | None, service: str = ""
) -> StatementView | None:
    """The statement that allows an action on a resource, or ``None`` if the action is not allowed.

    The action is not allowed if the policies in ``given`` or the boundary ``limit`` deny it, or if the boundary does not allow it.
    ``limit`` is ``None`` if there is no boundary or its policy is not known; then only ``given`` counts. With an empty ``arn``, an
    Allow counts for any resources, and a Deny only if it applies to all resources. ``service`` is the service to which the action
    passes a role.
    """
    given = list(given)
    boundary = list(limit) if limit is not None else []

    def applies(each: StatementView) -> bool:
        return each.allows and each.matches_action(action) and (not arn or each.matches_resource(arn))

    def denies(each: StatementView) -> bool:
        on_resource = each.matches_resource(arn) if arn else not each.not_resources and each.matches_resource("")
        return each.effect == "Deny" and each.matches_action(action) and on_resource and _denies_except_bounded(each)

    if any(map(denies, (*given, *boundary))):
        return None
    if limit is not None and not any(map(applies, boundary)):
        return None
    return next((each for each in given if applies(each) and not bound(each, service)), None)


def _denies_except_bounded(deny: StatementView) -> bool:
    """Whether a Deny has no conditions, or only conditions that exempt targets with one certain boundary."""
    return all(
        key == "iam:permissionsboundary" and "not" in operator and binds(_negated(operator), values, _limiting_policy)
        for operator, key, values in deny.conditions
    )


def _negated(operator: str) -> str:
    """The operator that ``operator`` negates: ``stringequals`` for ``stringnotequals``.

    ``IfExists`` is removed, because a negated operator is true for a request without the key even without ``IfExists``.
    """
    return operator.removeprefix("forallvalues:").removesuffix("ifexists").replace("not", "")


def bound(allow: StatementView, service: str = "") -> bool:
    """Whether a condition limits an Allow to certain targets (``TARGET_KEYS``), unless this condition admits ``service``."""
    return any(
        key in TARGET_KEYS
        and binds(operator, values, TARGET_KEYS[key])
        and not (key == "iam:passedtoservice" and any(matches(value, service) for value in values))
        for operator, key, values in allow.conditions
    )
