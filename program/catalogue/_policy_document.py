"""The result of the data source ``getPolicyDocument``, which the official provider computes without a call of AWS.

Source: https://www.pulumi.com/registry/packages/aws/api-docs/iam/getpolicydocument/.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

ELEMENTS = {"sid": "Sid", "actions": "Action", "notActions": "NotAction", "resources": "Resource", "notResources": "NotResource"}


def policy_document(args: Mapping[str, Any]) -> dict[str, Any]:
    """The outputs of the data source: the document as ``json``, and without spaces as ``minifiedJson``."""
    found: dict[str, Any] = {}  # by the statement's sid: a later statement replaces an earlier one with the same sid
    documents = [*_parsed(args.get("sourcePolicyDocuments")), [*map(_statement, args.get("statements") or ())]]
    for statements in (*documents, *_parsed(args.get("overridePolicyDocuments"))):
        for each in statements:
            found[each.get("Sid") or f"\0{len(found)}"] = each
    document: dict[str, Any] = {"Version": args.get("version") or "2012-10-17", "Statement": [*found.values()]}
    if args.get("policyId"):
        document["Id"] = args["policyId"]
    return {"json": json.dumps(document, indent=2), "minifiedJson": json.dumps(document, separators=(",", ":"))}


def _parsed(documents: Iterable[str] | None) -> Iterator[list[dict[str, Any]]]:
    for document in filter(None, documents or ()):
        statements = cast("dict[str, Any]", json.loads(document)).get("Statement", [])
        yield cast("list[dict[str, Any]]", statements if isinstance(statements, list) else [statements])


def _statement(given: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"Effect": given.get("effect") or "Allow"}
    found |= {name: _one_or_all(given[key]) for key, name in ELEMENTS.items() if given.get(key)}
    for key, name in (("principals", "Principal"), ("notPrincipals", "NotPrincipal")):
        if given.get(key):
            found[name] = _principals(given[key])
    if given.get("conditions"):
        conditions: dict[str, dict[str, Any]] = defaultdict(dict)
        for each in given["conditions"]:
            conditions[each["test"]][each["variable"]] = _one_or_all(each["values"])
        found["Condition"] = conditions
    return found


def _principals(given: Iterable[Mapping[str, Any]]) -> Any:
    by_type: dict[str, list[str]] = defaultdict(list)
    for each in given:
        by_type[each["type"]] += each["identifiers"]
    return "*" if by_type.get("*") == ["*"] else {type_: _one_or_all(names) for type_, names in by_type.items()}


def _one_or_all(value: Any) -> Any:
    """The item of a list with one item, otherwise the list, as in the output of the provider."""
    found = cast("list[Any]", value) if isinstance(value, list) else [value]
    return found[0] if len(found) == 1 else found
