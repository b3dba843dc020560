"""docs/sandbox.md names exactly the IAM conditions of the platform that the embedded cloud does not evaluate."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from recording import ROOT, run_account, run_platform

from embedded_cloud.front.conditions import is_met
from sandbox.stacks import ISSUER

EVALUATED = {"aws:SecureTransport", f"{ISSUER}:aud", f"{ISSUER}:sub"}
"""The keys that it evaluates in bucket policies and in trust policies of tokens."""

ROLE_KEYS = {"aws:ResourceTag", "iam:AWSServiceName", "iam:PermissionsBoundary", "iam:PolicyARN", "kms:ResourceAliases"}
"""The keys that it evaluates in the policies of roles."""


def keys_of_row(start: str) -> set[str]:
    """The condition keys in the row of docs/sandbox.md that begins with ``start``."""
    [row] = [line for line in (ROOT / "docs/sandbox.md").read_text().splitlines() if line.startswith(start)]
    return set(re.findall(r"`([\w:]+)`", row))


def not_evaluated() -> set[str]:
    return keys_of_row("| **not evaluated**")


def conditions(value: Any) -> Iterator[str]:
    """The condition keys of every policy in a resource's inputs, without the name of a tag or of an encryption context."""
    if isinstance(value, str) and '"Statement"' in value:
        value = json.loads(value)
    if isinstance(value, dict):
        if "Effect" in value:
            for key in (key for keys in value.get("Condition", {}).values() for key in keys):
                yield re.sub(r"/.*|(?<=EncryptionContext):.*", "", key)
        value = list(value.values())
    for each in value if isinstance(value, list) else ():
        yield from conditions(each)


def test_the_page_names_each_condition_that_is_not_evaluated() -> None:
    graphs = (run_account(), run_platform("staging"), run_platform("production"))
    used = {key for graph in graphs for resource in graph.resources for key in conditions(resource.inputs)}
    assert used >= EVALUATED
    assert not_evaluated() == used - EVALUATED - ROLE_KEYS


def test_the_page_names_each_condition_of_roles_that_is_evaluated() -> None:
    assert keys_of_row("| **enforced** | conditions") == ROLE_KEYS
    full = {"aws:ResourceTag": "aws:ResourceTag/x", "kms:EncryptionContext": "kms:EncryptionContext:x"}
    call: Any = SimpleNamespace(service="ec2", parameters={}, name="CreateVpc", region="us-east-1")
    keys = ROLE_KEYS | not_evaluated()
    met = {key for key in keys if is_met({"StringEquals": {full.get(key, key): "x"}}, call, "arn:aws:s3:::x", unknown=True)}
    assert met == not_evaluated()
