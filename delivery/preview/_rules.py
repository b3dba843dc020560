"""Applies the base's policies to the head's graph, and compares rules, limits, prices and waivers.

Without this, a change could weaken the rules with which it is checked. The base's ``policies`` package runs in a separate process,
from the base's files.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, cast

from delivery.preview._assessment import key
from delivery.preview.change import PolicyViolation, RuleChange
from policies import Violation
from program.contained import KEPT
from program.evaluation import Worlds
from program.graph import Graph

DECIDING = (
    "policies",
    "program",
    "contract.py",
    "components/settings/quantities.py",
    "components/aws/addresses.py",
    "components/field_owners.py",
)
"""The files that determine the violations: the rules and their imports."""

SECONDS = 120

SCRIPT = """
import json, sys
from dataclasses import asdict

import policies
from policies.limits import limits_of
from policies.prices import prices
from policies.waivers import read_waivers
from program.graph import Graph
from datetime import date

names = {rule.name for rule in policies.RULES}
environments = ("local", "staging", "production")
answer = {
    "rules": {
        rule.name: {"severity": rule.severity, **{each: rule.level(each) for each in environments}, "checks": sorted(rule.on)}
        for rule in policies.RULES
    },
    "limits": {each: limits_of(each, date(2000, 1, 1)).model_dump(mode="json") for each in environments},
    "prices": prices().model_dump(mode="json"),
    "waivers": {f"{each.rule} of {each.resource}": each.model_dump(mode="json") for each in read_waivers(names)},
    "violations": [],
}
for line in sys.stdin:
    sent = json.loads(line)
    graph = Graph.from_json(json.dumps(sent["graph"]).encode())
    environment = policies.environment_of(graph.stack, graph.resources)
    found = policies.check(graph.resources, environment)
    answer["violations"].append({"stack": graph.stack, "violations": [asdict(each) for each in found]})
json.dump(answer, sys.stdout, default=str)
"""
"""The script that runs in the separate process. It uses only documented functions of ``policies``, because the base can be old."""


def differ(base: Path, head: Path) -> bool:
    """Whether the files in ``DECIDING`` differ between two checkouts; false if the base has no policies."""
    return (base / "policies").is_dir() and _digest(base) != _digest(head)


def _digest(folder: Path) -> str:
    content = hashlib.sha256()
    for name, digest in sorted(_files(folder).items()):
        content.update(f"{name} {digest}\n".encode())
    return content.hexdigest()


def _files(folder: Path) -> dict[str, str]:
    files = [file for each in DECIDING for file in ([folder / each] if (folder / each).is_file() else (folder / each).rglob("*"))]
    kept = [each for each in files if each.is_file() and "__pycache__" not in each.parts]
    return {each.relative_to(folder).as_posix(): hashlib.sha256(each.read_bytes()).hexdigest() for each in kept}


def compare(base: Path, head: Path) -> tuple[RuleChange, ...]:
    """The changes of the rules for a reviewer: every value that differs, and every file that differs."""
    found: list[RuleChange] = []
    before, after = _described(base), _described(head)
    for kind in ("rules", "limits", "prices", "waivers"):
        found += _changed(kind.removesuffix("s"), before.get(kind, {}), after.get(kind, {}))
    left, right = _files(base), _files(head)
    for file in sorted(left.keys() | right.keys()):
        if left.get(file) != right.get(file):
            states = ("none" if file not in left else "as it was", "none" if file not in right else "changed")
            found.append(RuleChange(what=f"file {file}", before=states[0], after=states[1]))
    return tuple(found)


def violations(folder: Path, base: Iterable[Worlds], head: Iterable[Worlds]) -> dict[str, tuple[PolicyViolation, ...]] | str:
    """The violations of the rules in ``folder`` that the head's graphs have and the base's graphs do not have, by stack.

    If the rules do not run, the result is the text of the error.
    """
    before, after = _graphs(base), _graphs(head)
    answer = _run(folder, [json.dumps({"graph": json.loads(graph.to_json())}) for graph in (*before, *after)])
    if isinstance(answer, str):
        return answer
    known = {key(violation) for each in answer["violations"][: len(before)] for violation in _open(each)}
    found: dict[str, dict[tuple[str, ...], PolicyViolation]] = {}
    for each in answer["violations"][len(before) :]:
        of_stack = found.setdefault(each["stack"], {})
        for violation in _open(each):
            if key(violation) not in known:
                of_stack.setdefault(key(violation), PolicyViolation.of(violation, new=True, by_base=True))
    return {stack: tuple(each.values()) for stack, each in found.items()}


def _graphs(worlds: Iterable[Worlds]) -> list[Graph]:
    return [graph for each in worlds for graph in (each.known, each.unknown)]


def _open(answer: Mapping[str, Any]) -> Iterator[Violation]:
    found = (Violation(**{each.name: violation[each.name] for each in fields(Violation)}) for violation in answer["violations"])
    yield from (each for each in found if each.status in ("failed", "unknown"))


def _described(folder: Path) -> dict[str, Any]:
    answer = _run(folder, ())
    return {"rules": {"all": f"do not run: {answer}"}} if isinstance(answer, str) else answer


def _run(folder: Path, lines: Sequence[str]) -> dict[str, Any] | str:
    environment = {name: os.environ[name] for name in KEPT if name in os.environ}
    environment |= {"PYTHONPATH": str(folder), "PYTHONSAFEPATH": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            cwd=folder,
            env=environment,
            input="\n".join(lines),
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        return f"they did not finish within {SECONDS} s"
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["they ended without output"])[-1]
    return cast("dict[str, Any]", json.loads(done.stdout))


def _changed(kind: str, before: Any, after: Any, path: tuple[str, ...] = ()) -> Iterator[RuleChange]:
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        left, right = cast("dict[str, Any]", before), cast("dict[str, Any]", after)
        for key in [*left, *(each for each in right if each not in left)]:
            yield from _changed(kind, left.get(key), right.get(key), (*path, key))
    else:
        yield RuleChange(what=" ".join((kind, *path)), before=before, after=after)
