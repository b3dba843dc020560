"""Evaluates the program under mocks: what it declares for a stack, without engine, provider, cloud or credentials.

:func:`evaluate` evaluates any checkout's program in a process of its own (``python -m program``), since two versions of the same
modules cannot share one.
"""

from __future__ import annotations

import hashlib
import json
import os
import runpy
import subprocess
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path as FilePath
from typing import Any, cast

import yaml

from contract import PROJECT
from program.checkout import CHECKOUT
from program.errors import EvaluationError
from program.graph import Graph

PLACEHOLDERS: dict[str, Any] = {
    "redisPassword": "placeholder",
    "registryToken": "placeholder",
    "apiKeys": {"example": "placeholder"},
    "grafanaPassword": "placeholder",
    "alertReceivers": {"slack": "placeholder", "pagerduty": "placeholder", "webhook": "placeholder", "watchdog": "placeholder"},
}
"""Secrets of the program, in place of those that its stack file does not hold."""

TIMEOUT_SECONDS = 120
"""For one evaluation in another process; it takes a few seconds."""


def published(_stack: str) -> dict[str, Any]:
    """What a stack that the program refers to has published: without a backend, nothing."""
    return {}


def run(program: Callable[[], object], config: Mapping[str, Any], *, stack: str, preview: bool = False) -> Graph:
    """Run ``program`` to its end with ``config`` (full keys) and return what it declared; whatever it raises, this raises.

    With ``preview`` what a provider computes is :data:`~program.protocol.UNKNOWN`, as in a first preview; otherwise the catalogue
    makes it up. The process is afterwards as it was before.
    """
    from program import _sdk  # here, because most commands need a stack's configuration only, and the SDK takes long to import

    texts = {key: value if isinstance(value, str) else json.dumps(value, default=_date) for key, value in config.items()}
    secret_keys = [f"{PROJECT}:{key}" for key in PLACEHOLDERS]
    providers = _sdk.Providers(published, preview=preview, caller=_caller(config))
    with _in_any_shell():
        return _sdk.record(program, texts, secret_keys, providers=providers, project=PROJECT, stack=stack, preview=preview)


def _caller(config: Mapping[str, Any]) -> str:
    """Whoever the stack's cluster lets in: an evaluation has no credentials of its own."""
    cluster = config.get(f"{PROJECT}:cluster")
    entries = cast("dict[str, Any]", cluster) if isinstance(cluster, dict) else {}
    admins: Any = entries.get("adminRoleArns") or []
    return str(entries.get("ciRoleArn") or next(iter(admins), "arn:aws:iam::123456789012:root"))


@contextmanager
def _in_any_shell() -> Generator[None]:
    """The kubernetes SDK makes an input of the provider of what it finds in KUBECONFIG; a graph is the same in every shell."""
    found = os.environ.pop("KUBECONFIG", None)
    try:
        yield
    finally:
        if found is not None:
            os.environ["KUBECONFIG"] = found


def stack_config(checkout: FilePath, stack: str, placeholders: Mapping[str, Any] = PLACEHOLDERS) -> dict[str, Any]:
    """The configuration in a checkout's stack file, by full key, with placeholders for its secrets.

    A placeholder follows from the encrypted value, so that a changed secret changes the graph and stays unknown to all.
    """
    file = checkout / f"Pulumi.{stack}.yaml"
    try:
        content: Any = yaml.safe_load(file.read_text())
    except OSError as error:
        known = ", ".join(sorted(each.name.split(".")[1] for each in checkout.glob("Pulumi.*.yaml")))
        raise EvaluationError(f"there is no stack {stack!r}: {file.name} cannot be read", f"choose from {known}") from error
    except yaml.YAMLError as error:
        raise EvaluationError(f"{file.name} is not valid YAML: {error}", "fix the file") from error
    found = cast("dict[str, Any]", content).get("config") if isinstance(content, dict) else None
    if not isinstance(found, dict):
        raise EvaluationError(f"{file.name} has no `config:` section", "write the stack's settings under `config:`")
    config = {f"{PROJECT}:{key}": value for key, value in ({**placeholders, "registryUsername": "placeholder"}).items()}
    for key, value in cast("dict[str, Any]", found).items():
        config[key if ":" in key else f"{PROJECT}:{key}"] = _without_ciphertext(value)
    return config


def _date(value: object) -> str:
    """A date that stands unquoted in a stack file, as the engine passes it on; the settings refuse it by its key."""
    return f"{value} 00:00:00 +0000 UTC"


def _without_ciphertext(value: Any) -> Any:
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value)
        if items.keys() == {"secure"}:
            return f"placeholder-{hashlib.sha256(str(items['secure']).encode()).hexdigest()[:12]}"
        return {key: _without_ciphertext(item) for key, item in items.items()}
    if isinstance(value, list):
        return [_without_ciphertext(item) for item in cast("list[Any]", value)]
    return value


def evaluate_here(stack: str, config: Mapping[str, Any] | None = None, *, preview: bool = False) -> Graph:
    """This checkout's program for ``stack``, in this process; ``config`` stands in for the stack file's."""
    settings = stack_config(CHECKOUT, stack) if config is None else config
    return run(lambda: runpy.run_path(str(CHECKOUT / "__main__.py")), settings, stack=stack, preview=preview)


def evaluate(stacks: Sequence[str], checkout: FilePath = CHECKOUT, *, preview: bool = False) -> dict[str, Graph | EvaluationError]:
    """The program of any ``checkout`` for each stack, in one other process; what went wrong with a stack is its value."""
    command = [sys.executable, "-m", "program", str(checkout), *stacks, *(["--preview"] if preview else [])]
    # This checkout's `program` evaluates the other checkout's `components`, which come first on its path.
    # It may be anybody's (a fork's pull request), so of this process' environment it gets only what a program needs to run.
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    environment = kept | {"PYTHONPATH": str(CHECKOUT), "PYTHONSAFEPATH": "1"}
    try:
        done = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, check=False, timeout=TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise EvaluationError(
            f"the program of {checkout} was not done after {TIMEOUT_SECONDS} s", "look for what it waits for"
        ) from error
    results: dict[str, Graph | EvaluationError] = {}
    for line in done.stdout.splitlines():
        answer = json.loads(line)
        if "error" in answer:
            results[answer["stack"]] = EvaluationError(answer["error"])
        else:
            results[answer["stack"]] = Graph.from_json(line)
    lost = EvaluationError(
        f"the program of {checkout} ended without an answer: {done.stderr.decode(errors='replace')[-2000:].strip()}"
    )
    return {stack: results.get(stack, lost) for stack in stacks}
