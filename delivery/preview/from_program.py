"""Previews a change without credentials: evaluates the program at base and at head, and compares the results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from delivery.errors import UsageError
from delivery.preview import _alerts, _assessment, _comparison, _packages, _rules
from delivery.preview._masking import without_credentials
from delivery.preview._revisions import checkout, fork_point, resolve
from delivery.preview.change import Preview, RuleChange, StackPreview
from program.checkout import CHECKOUT, program_of, stacks_of
from program.evaluation import EvaluationError, Worlds, evaluate_worlds
from program.graph import Graph
from program.project_files import project_name

Answers = Mapping[str, Worlds | EvaluationError]

SANDBOX = "local"
"""The stack of the sandbox. It is previewed only on request."""

LONGEST_PROBLEM = 40
"""Maximum number of lines of an error in a preview."""


def preview(base: str, head: str | None = None, stacks: Sequence[str] = (), repository: Path = CHECKOUT) -> Preview:
    """Compare the program at ``head`` (``None``: the work tree) with the program at the merge base of ``head`` and ``base``.

    ``stacks`` are by default all stacks except ``local``. Raises ``UsageError`` if a revision or the merge base does not
    exist, or if neither revision has a file for a requested stack.
    """
    head_commit = resolve(repository, head or "HEAD")
    base_commit = fork_point(repository, base, head_commit)
    with ExitStack() as folders:
        base_folder = folders.enter_context(checkout(repository, base_commit))
        head_folder = repository if head is None else folders.enter_context(checkout(repository, head_commit))
        names = _names(stacks, base_folder, head_folder)
        found, rules = compare_folders(base_folder, head_folder, names)
        packages = _packages.compare(base_folder, head_folder)
    return without_credentials(
        Preview(
            base=f"{base} ({base_commit[:7]})",
            head=f"{head} ({head_commit[:7]})" if head else f"the work tree on {head_commit[:7]}",
            source="program",
            stacks=found,
            rules=rules,
            packages=packages,
        )
    )


def compare_folders(base: Path, head: Path, stacks: Sequence[str]) -> tuple[tuple[StackPreview, ...], tuple[RuleChange, ...]]:
    """The previews of the stacks, and the changes of the policies. The programs in both folders are evaluated in parallel."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        before, after = pool.map(partial(_evaluate, stacks), (base, head))
        evaluated = ([each for each in side.values() if isinstance(each, Worlds)] for side in (before, after))
        checking = pool.submit(_rules.check, base, head, *evaluated)  # in a separate process, during the comparison
        found = tuple(
            StackPreview(stack=stack, problem=renamed)
            if (renamed := _renamed(stack, base, head))
            else _stack(stack, before[stack], after[stack], was=stack in stacks_of(base), stays=stack in stacks_of(head))
            for stack in stacks
        )
        by_base = checking.result()
    return tuple(_with_base_rules(each, by_base) for each in found), by_base.changes


def _renamed(stack: str, base: Path, head: Path) -> str:
    """The error if head renames the stack's project, because the engine would not find the stack's state; otherwise empty."""
    if not all(stack in stacks_of(each) for each in (base, head)):
        return ""
    folder = program_of(head, stack)
    try:
        before, after = project_name(program_of(base, stack)), project_name(folder)
    except EvaluationError:
        return ""  # the evaluation reports the error
    if before == after:
        return ""
    return (
        f"{(folder / 'Pulumi.yaml').relative_to(head)} renames the project from {before} to {after}: the engine would find no "
        f"stack of {after}, create every resource again, and not delete the resources of {before}\n"
        f"  fix: keep the name {before}, or move each stack with `pulumi stack rename -s STACK organization/{after}/STACK` first"
    )


def _with_base_rules(preview: StackPreview, by_base: _rules.ByBase) -> StackPreview:
    """Add the violations that only the base's rules find, because head's rules miss violations if the change weakens a rule.

    A violation that is mandatory in the base's rules, but advisory in the head's rules, is added too. The cause is a lower level or
    a waiver.
    """
    if preview.problem:
        return preview
    if by_base.problem:
        return replace(preview, notes=(*preview.notes, f"The base's rules could not check the changed program: {by_base.problem}"))
    known = {(each.policy, each.name, each.type, level) for each in preview.violations for level in {"advisory", each.level}}
    added = [
        each for each in by_base.violations.get(preview.stack, ()) if (each.policy, each.name, each.type, each.level) not in known
    ]
    return replace(preview, violations=(*added, *preview.violations))


def _names(stacks: Sequence[str], base: Path, head: Path) -> list[str]:
    known = sorted({*stacks_of(base), *stacks_of(head)})
    if unknown := [each for each in stacks if each not in known]:
        raise UsageError(f"there is no stack {unknown[0]!r}, neither at base nor at head", f"choose from {', '.join(known)}")
    return list(stacks) or [each for each in known if each != SANDBOX]


def _evaluate(stacks: Sequence[str], folder: Path) -> Answers:
    try:
        return evaluate_worlds(stacks, folder)
    except EvaluationError as error:  # no stack was evaluated, for example because of the time limit
        return dict.fromkeys(stacks, error)


def _stack(stack: str, base: Worlds | EvaluationError, head: Worlds | EvaluationError, *, was: bool, stays: bool) -> StackPreview:
    notes: list[str] = []
    if not was:
        nothing = Graph(stack=stack, resources=(), invokes=(), exports={})
        base = Worlds(known=nothing, unknown=nothing)
        notes.append("The stack is new: the base has no file for it.")
    if not stays:
        note = (
            f"Pulumi.{stack}.yaml is deleted, but the stack's resources are not. `pulumi destroy -s {stack}` deletes "
            "these resources, and needs the file."
        )
        return StackPreview(stack=stack, problem="the stack's file is deleted at head", notes=(note,))
    if isinstance(head, EvaluationError):
        return StackPreview(stack=stack, problem=readable(head))
    if isinstance(base, EvaluationError):
        violations = _assessment.violations(None, head)
        return StackPreview(stack=stack, base_problem=readable(base), violations=violations)
    return compare(stack, base, head, notes)


def compare(stack: str, base: Worlds, head: Worlds, notes: Sequence[str] = ()) -> StackPreview:
    """The preview of one stack for the change from ``base`` to ``head``."""
    before, after = base.known, head.known
    changes = _comparison.compare(before, after)
    touched = {each.urn for each in changes}
    return StackPreview(
        stack=stack,
        changes=changes,
        unchanged=sum(each.custom and each.urn not in touched for each in after.resources),
        violations=_assessment.violations(base, head),
        cost=_assessment.cost(before, after),
        alerts=_alerts.compare(before, after),
        outputs=tuple(_comparison.outputs(before, after)),
        warnings=_assessment.warnings(after, changes),
        nodes=_comparison.nodes(before, after, changes),
        notes=(*notes, *_unknown_sources(before, after)),
    )


def _unknown_sources(base: Graph, head: Graph) -> Iterator[str]:
    tokens = [{each.token for each in graph.invokes if not each.known} for graph in (base, head)]
    for token in sorted(tokens[1] - tokens[0]):
        yield f"The result of {token.rpartition(':')[2]}, and values that depend on this result, are not known without the cloud."


def readable(error: EvaluationError) -> str:
    """The text of an error for a preview: at most ``LONGEST_PROBLEM`` lines, and only the last line of a traceback."""
    text, trace, rest = error.problem.partition("Traceback (most recent call last)")
    lines = [f"{text.rstrip()} {rest.splitlines()[-1]}".strip()] if trace else text.splitlines()
    if len(lines) > LONGEST_PROBLEM:
        lines = [*lines[:LONGEST_PROBLEM], f"... and {len(lines) - LONGEST_PROBLEM} more lines"]
    return "\n".join(lines)
