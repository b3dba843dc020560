"""The preview without credentials: the program evaluated at base and at head, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from delivery.errors import UsageError
from delivery.preview import _alerts, _assessment, _comparison
from delivery.preview._revisions import checkout, fork_point, resolve
from delivery.preview.change import Preview, StackPreview
from program.evaluation import CHECKOUT, EvaluationError, evaluate
from program.graph import Graph

Answers = Mapping[str, Graph | EvaluationError]

SANDBOX = "local"
"""The stack of the embedded cloud; no preview is asked for it unless it is named."""

LONGEST_PROBLEM = 40
"""Lines of an error that are worth reading in a comment; the log has the rest."""


def stacks_of(folder: Path) -> list[str]:
    """The stacks that a checkout has files for."""
    return sorted(each.name.split(".")[1] for each in folder.glob("Pulumi.*.yaml"))


def preview(base: str, head: str | None = None, stacks: Sequence[str] = (), repository: Path = CHECKOUT) -> Preview:
    """Compare the program at ``head`` (None: the work tree) with where it left ``base``.

    ``stacks`` are all but the sandbox's unless they are named.
    Raises ``UsageError`` for a revision or a stack that neither side has.
    """
    head_commit = resolve(repository, head or "HEAD")
    base_commit = fork_point(repository, base, head_commit)
    with ExitStack() as folders:
        base_folder = folders.enter_context(checkout(repository, base_commit))
        head_folder = repository if head is None else folders.enter_context(checkout(repository, head_commit))
        names = _names(stacks, base_folder, head_folder)
        found = compare_folders(base_folder, head_folder, names)
    return Preview(
        base=f"{base} ({base_commit[:7]})",
        head=f"{head} ({head_commit[:7]})" if head else f"the work tree on {head_commit[:7]}",
        source="program",
        stacks=found,
    )


def compare_folders(base: Path, head: Path, stacks: Sequence[str]) -> tuple[StackPreview, ...]:
    """The program in two folders, both evaluated at once, for each stack."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        before, after = pool.map(partial(_evaluate, stacks), (base, head))
    return tuple(
        _stack(stack, before[stack], after[stack], was=_file(base, stack).exists(), stays=_file(head, stack).exists())
        for stack in stacks
    )


def _names(stacks: Sequence[str], base: Path, head: Path) -> list[str]:
    known = sorted({*stacks_of(base), *stacks_of(head)})
    if unknown := [each for each in stacks if each not in known]:
        raise UsageError(f"there is no stack {unknown[0]!r}, neither at base nor at head", f"choose from {', '.join(known)}")
    return list(stacks) or [each for each in known if each != SANDBOX]


def _file(folder: Path, stack: str) -> Path:
    return folder / f"Pulumi.{stack}.yaml"


def _evaluate(stacks: Sequence[str], folder: Path) -> Answers:
    try:
        return evaluate(stacks, folder)
    except EvaluationError as error:  # it never ended
        return dict.fromkeys(stacks, error)


def _stack(stack: str, base: Graph | EvaluationError, head: Graph | EvaluationError, *, was: bool, stays: bool) -> StackPreview:
    notes: list[str] = []
    if not was:
        base = Graph(stack=stack, resources=(), invokes=(), exports={})
        notes.append("The stack is new: the base has no file for it.")
    if not stays:
        note = f"Pulumi.{stack}.yaml is gone. That deletes nothing: `pulumi destroy -s {stack}` does, and needs the file."
        return StackPreview(stack=stack, problem="the stack's file is gone at head", notes=(note,))
    if isinstance(head, EvaluationError):
        return StackPreview(stack=stack, problem=readable(head))
    if isinstance(base, EvaluationError):
        verdicts = _assessment.verdicts(None, head)
        return StackPreview(stack=stack, base_problem=readable(base), verdicts=verdicts)
    return compare(stack, base, head, notes)


def compare(stack: str, base: Graph, head: Graph, notes: Sequence[str] = ()) -> StackPreview:
    """What the way from ``base`` to ``head`` does to a stack."""
    changes = _comparison.compare(base, head)
    touched = {each.urn for each in changes}
    return StackPreview(
        stack=stack,
        changes=changes,
        unchanged=sum(each.custom and each.urn not in touched for each in head.resources),
        verdicts=_assessment.verdicts(base, head),
        cost=_assessment.cost(base, head),
        alerts=_alerts.compare(base, head),
        nodes=_comparison.nodes(base, head, changes),
        notes=tuple(notes),
    )


def readable(error: EvaluationError) -> str:
    """An error for people: of a traceback only the last line, which says what happened, and no more lines than anyone reads."""
    text, trace, rest = error.problem.partition("Traceback (most recent call last)")
    lines = [f"{text.rstrip()} {rest.splitlines()[-1]}".strip()] if trace else text.splitlines()
    if len(lines) > LONGEST_PROBLEM:
        lines = [*lines[:LONGEST_PROBLEM], f"... and {len(lines) - LONGEST_PROBLEM} more lines in the log"]
    return "\n".join(lines)
