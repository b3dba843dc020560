"""The page on the embedded cloud names every IAM condition of the platform that is not evaluated there, and no other."""

from __future__ import annotations

import json
import re
import runpy
from collections.abc import Iterator
from typing import Any

import yaml
from recording import ROOT, run, run_platform

from sandbox.stacks import ISSUER

EVALUATED = {"aws:SecureTransport", f"{ISSUER}:aud", f"{ISSUER}:sub"}
"""In bucket policies and in trust policies of tokens."""


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
    config = yaml.safe_load((ROOT / "bootstrap/Pulumi.account.yaml").read_text())["config"]
    account = run(lambda: runpy.run_path(str(ROOT / "bootstrap/__main__.py")), config, stack_name="account")
    graphs = (account, run_platform("staging"), run_platform("production"))
    used = {key for graph in graphs for resource in graph.resources for key in conditions(resource.inputs)}
    assert used >= EVALUATED
    [row] = [line for line in (ROOT / "docs/sandbox.md").read_text().splitlines() if line.startswith("| **not evaluated**")]
    assert set(re.findall(r"`([\w:]+)`", row)) == used - EVALUATED
