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

KEYS = [*(f"{key}/x" if key == "aws:ResourceTag" else key for key in ROLE_KEYS), "aws:SourceAccount", "iam:PassedToService"]


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
    [row] = [line for line in (ROOT / "docs/sandbox.md").read_text().splitlines() if line.startswith("| **not evaluated**")]
    assert set(re.findall(r"`([\w:]+)`", row)) == used - EVALUATED - ROLE_KEYS


def test_the_page_names_each_condition_of_roles_that_is_evaluated() -> None:
    [row] = [line for line in (ROOT / "docs/sandbox.md").read_text().splitlines() if line.startswith("| **enforced** | conditions")]
    assert set(re.findall(r"`([\w:]+)`", row)) == ROLE_KEYS
    call: Any = SimpleNamespace(service="ec2", parameters={}, name="CreateVpc", region="us-east-1")
    conditions_met = {key: is_met({"StringEquals": {key: "x"}}, call, "arn:aws:s3:::x", unknown=True) for key in KEYS}
    assert {key.removesuffix("/x") for key, met in conditions_met.items() if not met} == ROLE_KEYS
