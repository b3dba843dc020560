"""Evaluates the program with mocks: returns the resources that it declares for a stack, without engine, providers or credentials.

:func:`evaluate` evaluates any checkout's program in a separate process (``python -m program``), because one process cannot import
two versions of the same modules.
"""

from __future__ import annotations

import json
import os
import runpy
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path as FilePath
from typing import Any, cast

from contract import PROJECT
from program import catalogue, evaluation_process
from program.checkout import CHECKOUT, program_of
from program.errors import EvaluationError
from program.graph import Graph, Path, Resource
from program.project_files import project_name, stack_configuration
from program.protocol import UNKNOWN

PLACEHOLDERS: dict[str, Any] = {
    "redisPassword": "placeholder",
    "registryToken": "placeholder",
    "apiKeys": {"example": "placeholder"},
    "grafanaPassword": "placeholder",
    "alertReceivers": {"slack": "placeholder", "pagerduty": "placeholder", "webhook": "placeholder", "watchdog": "placeholder"},
}
"""Values for the program's secrets that the stack file does not contain."""


@dataclass(frozen=True, kw_only=True)
class Worlds:
    """The graphs of two evaluations of one program: with example outputs, and with unknown outputs as in a first preview.

    The two evaluations get different values for the stack's secrets. For this reason, a secret input that is equal in both graphs
    is a literal in the program.
    """

    known: Graph
    unknown: Graph


def run(
    program: Callable[[], object],
    config: Mapping[str, Any],
    *,
    stack: str,
    preview: bool = False,
    project: str = PROJECT,
    secrets: Collection[str] | None = None,
) -> Graph:
    """Run ``program`` to its end with ``config`` and return the graph that it declared.

    Raises the exceptions of ``program``, and ``EvaluationError`` if two resources have the same URN.

    The keys of ``config`` include the namespace. With ``preview``, computed outputs are :data:`~program.protocol.UNKNOWN`, as in a
    first preview; otherwise they are example values from the catalogue. ``secrets`` are the keys whose values the SDK treats as
    secret; by default these are the keys of all placeholders. The run leaves no state in the process.
    """
    from program import _sdk  # imported here because this import is slow, and most commands need only a stack's configuration

    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    secret_keys = [f"{PROJECT}:{key}" for key in PLACEHOLDERS] if secrets is None else list(secrets)
    providers = _sdk.Providers(preview=preview, caller=_caller(config))
    with without_kubeconfig():
        return _sdk.record(program, texts, secret_keys, providers=providers, project=project, stack=stack, preview=preview)


def _caller(config: Mapping[str, Any]) -> str:
    """The ARN that the mocks return as the caller: a role with access to the stack's cluster, or root if there is no role."""
    cluster = config.get(f"{PROJECT}:cluster")
    entries = cast("dict[str, Any]", cluster) if isinstance(cluster, dict) else {}
    admins: Any = entries.get("adminRoleArns") or []
    return str(entries.get("ciRoleArn") or next(iter(admins), "arn:aws:iam::123456789012:root"))


@contextmanager
def without_kubeconfig() -> Generator[None]:
    """Hide KUBECONFIG, so that every shell gets the same graph. The Kubernetes SDK would copy it into the provider's inputs."""
    found = os.environ.pop("KUBECONFIG", None)
    try:
        yield
    finally:
        if found is not None:
            os.environ["KUBECONFIG"] = found


def stack_config(checkout: FilePath, stack: str) -> dict[str, Any]:
    """The configuration of a checkout's stack by full key. Encrypted values, and secrets that are not set, are placeholders."""
    return dict(stack_configuration(checkout, stack, PLACEHOLDERS).values)


def evaluate_here(stack: str, *, preview: bool = False) -> Graph:
    """The graph of this checkout's program for ``stack``, evaluated in this process."""
    folder = program_of(CHECKOUT, stack)

    def program() -> None:
        runpy.run_path(str(folder / "__main__.py"))

    settings = stack_configuration(CHECKOUT, stack, PLACEHOLDERS)
    return run(program, settings.values, stack=stack, preview=preview, project=project_name(folder), secrets=settings.secrets)


def evaluate(
    stacks: Sequence[str], checkout: FilePath = CHECKOUT, *, preview: bool = False, stack_file: FilePath | None = None
) -> dict[str, Graph | EvaluationError]:
    """The graph, or the error, of the program of ``checkout`` for each stack; one separate process evaluates all stacks.

    The configuration is in ``stack_file`` if it is given, and otherwise in the checkout's file of each stack.
    """
    return {stack: found[0] for stack, found in _answers(stacks, checkout, [preview], stack_file).items()}


def evaluate_worlds(stacks: Sequence[str], checkout: FilePath = CHECKOUT) -> dict[str, Worlds | EvaluationError]:
    """Both graphs, or the error, of the program of ``checkout`` for each stack; one separate process evaluates all stacks."""
    found: dict[str, Worlds | EvaluationError] = {}
    for stack, (known, unknown) in _answers(stacks, checkout, [False, True]).items():
        if isinstance(known, EvaluationError):
            found[stack] = known
        else:
            found[stack] = unknown if isinstance(unknown, EvaluationError) else _with_literals(known, unknown)
    return found


def _with_literals(known: Graph, unknown: Graph) -> Worlds:
    """Both graphs. Secret inputs with the same value in both graphs are marked as literals of the program."""
    other = unknown.by_urn()
    literals = {
        each.urn: tuple(_same(each.inputs, other[each.urn].inputs, each))
        for each in known.resources
        if each.urn in other and (each.secret_paths or catalogue.secrets(each.type))
    }

    def marked(graph: Graph) -> Graph:
        resources = (replace(each, literals=literals[each.urn]) if literals.get(each.urn) else each for each in graph.resources)
        return replace(graph, resources=tuple(resources))

    return Worlds(known=marked(known), unknown=marked(unknown))


def _same(left: Any, right: Any, resource: Resource, path: Path = ()) -> Iterator[Path]:
    """The paths in the secret inputs at which ``left`` and ``right`` have the same string."""
    if isinstance(left, dict) and isinstance(right, dict):
        items, others = cast("dict[str, Any]", left), cast("dict[str, Any]", right)
        for key in items.keys() & others.keys():
            yield from _same(items[key], others[key], resource, (*path, key))
    elif isinstance(left, str) and left == right and left != UNKNOWN:
        secret = (*resource.secret_paths, *((key,) for key in catalogue.secrets(resource.type)))
        if any(path[: len(each)] == each for each in secret):
            yield path


def _answers(
    stacks: Sequence[str], checkout: FilePath, previews: Sequence[bool], stack_file: FilePath | None = None
) -> dict[str, list[Graph | EvaluationError]]:
    """For each stack, one answer per evaluation, in the order of ``previews``."""
    stacks = list(dict.fromkeys(stacks))
    options = ["--preview" if each else "--known" for each in previews]
    lines, lost = evaluation_process.answers(checkout, stacks, options, stack_file)
    results: dict[str, list[Graph | EvaluationError]] = {}
    for line in lines:
        answer = json.loads(line)
        graph = EvaluationError(answer["error"]) if "error" in answer else Graph.from_json(next(lines, b""))
        results.setdefault(answer["stack"], []).append(graph)
    for stack in stacks:
        found = results.setdefault(stack, [])
        found += [lost] * (len(previews) - len(found))
    return results
