"""Applies the base's policies to the head's resources, and compares the rules, limits, prices and waivers of base and head.

If only the head's rules ran, a change could weaken the rules that check the change. The base's ``policies`` package runs in a
separate process, from the base's files.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, cast

from delivery.preview._assessment import key
from delivery.preview.change import PolicyViolation, RuleChange
from policies import Violation
from program.evaluation import Worlds
from program.evaluation_process import KEPT

SECONDS = 120

SCRIPT = """
import json, sys
from dataclasses import asdict
from pathlib import Path

import policies
from policies.limits import limits_of
from policies.prices import prices
from policies.rule import ENVIRONMENTS
from policies.waivers import read_waivers
from program.graph import Graph
from datetime import date

names = {rule.name for rule in policies.RULES}
answer = {
    "rules": {
        rule.name: {"severity": rule.severity, **{each: rule.level(each) for each in ENVIRONMENTS}, "checks": sorted(rule.on)}
        for rule in policies.RULES
    },
    "limits": {each: limits_of(each, date(2000, 1, 1)).model_dump(mode="json") for each in ENVIRONMENTS},
    "prices": prices().model_dump(mode="json"),
    "waivers": {f"{each.rule} of {each.resource}": each.model_dump(mode="json") for each in read_waivers(names)},
    "violations": [],
}
for known, unknown in zip(sys.stdin, sys.stdin):
    known, unknown = (Graph.from_json(each.encode()) for each in (known, unknown))
    environment = policies.environment_of(known.stack, known.resources)
    found = policies.check_worlds(known.resources, unknown.resources, environment)
    answer["violations"].append({"stack": known.stack, "violations": [asdict(each) for each in found]})
files = [Path(each.__file__) for each in list(sys.modules.values()) if getattr(each, "__file__", None)]
answer["files"] = sorted(str(each.relative_to(Path.cwd())) for each in files if each.is_relative_to(Path.cwd()))
json.dump(answer, sys.stdout, default=str)
"""
"""The script of the separate process. It also runs with an old base's policies, so do not rename the functions that it uses."""


@dataclass(frozen=True, kw_only=True)
class ByBase:
    """The violations that the base's rules find at head, and the changes of the rules."""

    violations: Mapping[str, tuple[PolicyViolation, ...]] = field(default_factory=dict[str, tuple[PolicyViolation, ...]])
    """By stack: the violations that the head's graphs have and the base's graphs do not have."""
    problem: str = ""
    """The error if the base's rules did not run; otherwise empty."""
    changes: tuple[RuleChange, ...] = ()


def check(base: Path, head: Path, before: Iterable[Worlds], after: Iterable[Worlds]) -> ByBase:
    """Apply the rules in the folder ``base`` to the graphs ``before`` and ``after``, and compare the rules in both folders."""
    if not (base / "policies").is_dir():
        return ByBase()
    base_worlds = list(before)
    answer = _run(base, [graph.to_json().decode() for each in (*base_worlds, *after) for graph in (each.known, each.unknown)])
    if isinstance(answer, str):
        return ByBase(problem=answer, changes=tuple(_changed_files(base, head, [])))
    files = tuple(_changed_files(base, head, answer["files"]))
    changes = (*_changed_rules(answer, head), *files) if files else ()
    found, count = answer["violations"], len(base_worlds)
    return ByBase(violations=_new(found[:count], found[count:]), changes=changes)


def _changed_rules(before: Mapping[str, Any], head: Path) -> Iterator[RuleChange]:
    """The values of the rules, limits, prices and waivers that differ. If head's rules do not run, yield only the error."""
    after = _run(head, ())
    if isinstance(after, str):
        yield RuleChange(what="rules", before="run", after=f"do not run: {after}")
        return
    for kind in ("rules", "limits", "prices", "waivers"):
        yield from _changed(kind.removesuffix("s"), before.get(kind, {}), after.get(kind, {}))


def _changed_files(base: Path, head: Path, imported: Iterable[str]) -> Iterator[RuleChange]:
    """The files that differ, among every file in ``policies`` and every file that the base's rules import."""
    inside = {each.relative_to(folder).as_posix() for folder in (base, head) for each in (folder / "policies").rglob("*")}
    for file in sorted({*imported, *(each for each in inside if "__pycache__" not in each)}):
        left, right = (folder / file for folder in (base, head))
        content = [each.read_bytes() if each.is_file() else None for each in (left, right)]
        if content[0] != content[1]:
            states = ("none" if content[0] is None else "old content", "none" if content[1] is None else "new content")
            yield RuleChange(what=f"file {file}", before=states[0], after=states[1])


def _new(before: Iterable[Mapping[str, Any]], after: Iterable[Mapping[str, Any]]) -> dict[str, tuple[PolicyViolation, ...]]:
    base_keys = {key(violation) for each in before for violation in _unresolved(each)}
    found: dict[str, dict[tuple[str, ...], PolicyViolation]] = {}
    for each in after:
        of_stack = found.setdefault(each["stack"], {})
        for violation in _unresolved(each):
            if key(violation) not in base_keys:
                of_stack.setdefault(key(violation), PolicyViolation.of(violation, new=True, only_by_base=True))
    return {stack: tuple(each.values()) for stack, each in found.items()}


def _unresolved(answer: Mapping[str, Any]) -> Iterator[Violation]:
    found = (Violation(**{each.name: violation[each.name] for each in fields(Violation)}) for violation in answer["violations"])
    yield from (each for each in found if each.status in ("failed", "unknown"))


def _run(folder: Path, lines: Sequence[str]) -> dict[str, Any] | str:
    """The output of ``SCRIPT`` for the rules in ``folder``, or a text with the error if the script failed."""
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
        return f"the rules did not finish within {SECONDS} s"
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["the process of the rules failed without an error message"])[-1]
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
