"""Evaluates the program under mocks: what it declares for a stack, without engine, provider, cloud or credentials.

``python -m program.evaluation CHECKOUT STACK...`` evaluates another checkout's program in a process of its own, since two
versions of the same modules cannot share one. :func:`evaluate` is that command as a function.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import importlib
import json
import os
import runpy
import subprocess
import sys
import traceback
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path as FilePath
from typing import Any, cast

import pulumi
import yaml
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime import mocks, rpc
from pulumi.runtime.settings import SETTINGS, get_root_resource, set_root_resource
from pulumi.runtime.stack import Stack, run_pulumi_func

from delivery.errors import DeliveryError
from program import computed
from program.checkout import CHECKOUT
from program.graph import Graph, Invoke, Path, Resource

PROJECT = "dwcp-v3"
ROOT_TYPE = "pulumi:pulumi:Stack"
STACK_REFERENCE = "pulumi:pulumi:StackReference"
SIGNATURE = "4dabf18193072939515e22adb298388d"
"""The key by which the protocol tells a wrapped value from an object.

Source: https://github.com/pulumi/pulumi/blob/master/sdk/go/common/resource/sig/sig.go
"""
PLACEHOLDERS: dict[str, Any] = {
    "redisPassword": "placeholder",
    "registryToken": "placeholder",
    "apiKeys": {"example": "placeholder"},
    "grafanaPassword": "placeholder",
    "alertReceivers": {"slack": "placeholder", "pagerduty": "placeholder", "webhook": "placeholder"},
}
"""Secrets of the program, in place of those that its stack file does not hold."""

TIMEOUT_SECONDS = 120
"""For one evaluation in another process; it takes a few seconds."""


class EvaluationError(DeliveryError):
    """The program cannot be evaluated: it cannot be imported, it raises, or its settings are wrong."""


class _Monitor(mocks.MockMonitor):
    """Records every registration whole, options included, of which the SDK's own mocks pass on the inputs only."""

    def __init__(self, stack: str, *, preview: bool, caller: str) -> None:
        super().__init__(_Providers(preview=preview, caller=caller))
        self.stack = stack
        self.resources_in_order: list[Resource] = []
        self.invokes: list[Invoke] = []

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """As the engine makes it, which leaves the stack itself out of the types."""
        above = parent.split("::")[2] if parent else ""
        qualified = f"{above}${type_}" if above and above != ROOT_TYPE else type_
        return f"urn:pulumi:{self.stack}::{PROJECT}::{qualified}::{name}"

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the protocol's name
        if request.type != ROOT_TYPE:
            urn = self.make_urn(request.parent, request.type, request.name)
            aliases = tuple(each.urn or self._former_urn(request, each.spec) for each in request.aliases)
            self.resources_in_order.append(_recorded(urn, request, aliases))
        return cast(Any, super()).RegisterResource(request)

    def _former_urn(self, request: Any, spec: Any) -> str:
        """The URN that an alias names by what differs from today's."""
        parent = "" if spec.noParent else spec.parentUrn or request.parent
        return self.make_urn(parent, spec.type or request.type, spec.name or request.name)

    def Invoke(self, request: Any) -> Any:  # noqa: N802 - the protocol's name
        args, _ = _plain(request.args)
        self.invokes.append(Invoke(token=request.tok, args=args, provider=request.provider))
        return cast(Any, super()).Invoke(request)


def published(_stack: str) -> dict[str, Any]:
    """What a stack that the program refers to has published: without a backend, nothing yet."""
    return {}


class _Providers(mocks.Mocks):
    """In a preview nobody knows what a provider would compute; else it is made up from names."""

    def __init__(self, *, preview: bool, caller: str) -> None:
        self.preview = preview
        self.answers = {**computed.FUNCTIONS, computed.CALLER: {**computed.FUNCTIONS[computed.CALLER], "arn": caller}}

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        inputs = cast("dict[str, Any]", cast(Any, args).inputs)
        if args.typ == STACK_REFERENCE:
            return args.resource_id, {**inputs, "outputs": published(cast(str, args.resource_id)), "secretOutputNames": []}
        if not args.custom or self.preview:
            return None, inputs
        return f"{args.name}-id", computed.outputs(args.typ, args.name, inputs)

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        if args.token not in self.answers:
            raise EvaluationError(f"no answer is known for the data source {args.token}", "add one to program/computed.py")
        return {**cast("dict[str, Any]", cast(Any, args).args), **self.answers[args.token]}, []


def _recorded(urn: str, request: Any, aliases: tuple[str, ...]) -> Resource:
    inputs, secrets = _plain(request.object)
    return Resource(
        urn=urn,
        type=request.type,
        name=request.name,
        inputs=inputs,
        custom=request.custom,
        parent=request.parent,
        provider=request.provider,
        dependencies=tuple(sorted(request.dependencies)),
        property_dependencies={key: tuple(sorted(each.urns)) for key, each in request.propertyDependencies.items() if each.urns},
        secret_paths=tuple(secrets),
        ignore_changes=tuple(request.ignoreChanges),
        replace_on_changes=tuple(request.replaceOnChanges),
        protect=request.protect,
        retain_on_delete=request.retainOnDelete,
        delete_before_replace=request.deleteBeforeReplace,
        aliases=aliases,
    )


def _plain(message: Struct) -> tuple[dict[str, Any], list[Path]]:
    """A message's values without the wrapping of secrets and resources, and where the secrets lie."""
    secrets: list[Path] = []

    def plain(value: Any, path: Path) -> Any:
        if rpc.is_rpc_secret(value):
            secrets.append(path)
            return plain(rpc.unwrap_rpc_secret(value), path)
        if isinstance(value, dict):
            items = cast("dict[str, Any]", value)
            if SIGNATURE in items and "urn" in items:  # a resource: what stands for it is its id
                return items.get("id") or items["urn"]
            return {key: plain(item, (*path, key)) for key, item in items.items() if item is not None}
        if isinstance(value, list):
            return [plain(item, (*path, index)) for index, item in enumerate(cast("list[Any]", value))]
        return int(value) if isinstance(value, float) and value.is_integer() else value

    return cast("dict[str, Any]", plain(MessageToDict(message), ())), secrets


def run(program: Callable[[], object], config: Mapping[str, Any], *, stack: str, preview: bool = False) -> Graph:
    """Run ``program`` to its end with ``config`` (full keys) and return what it declared; whatever it raises, this raises.

    With ``preview`` what a provider computes is :data:`~program.graph.UNKNOWN`, as in a first preview; else it is made up.
    """
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    set_root_resource(cast(Any, None))
    settings = cast(Any, SETTINGS)
    settings.rpc_manager.clear()
    settings.outputs.clear()
    monitor = _Monitor(stack, preview=preview, caller=_caller(config))
    mocks.set_mocks(monitor.mocks, project=PROJECT, stack=stack, preview=preview, monitor=monitor)
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    pulumi.runtime.set_all_config(texts, [f"{PROJECT}:{key}" for key in PLACEHOLDERS])

    def main() -> None:
        program()

    async def finished() -> dict[str, Any]:
        await run_pulumi_func(main)
        root = get_root_resource()
        outputs = await pulumi.Output.from_input(root.outputs).future() if isinstance(root, Stack) else {}
        return outputs or {}

    try:
        with _in_any_shell():
            exports = loop.run_until_complete(finished())
    finally:
        loop.close()
        gc.enable()  # the program disables it for its own short life
    return Graph(stack=stack, resources=tuple(monitor.resources_in_order), invokes=tuple(monitor.invokes), exports=exports)


def _caller(config: Mapping[str, Any]) -> str:
    """Whoever the stack's cluster lets in: an evaluation has no credentials of its own."""
    cluster = config.get(f"{PROJECT}:cluster")
    entries = cast("dict[str, Any]", cluster) if isinstance(cluster, dict) else {}
    admins: Any = entries.get("adminRoleArns") or []
    return str(entries.get("ciRoleArn") or next(iter(admins), f"arn:aws:iam::{computed.ACCOUNT}:root"))


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
        raise EvaluationError(f"{file.name} is no YAML: {error}", "mend the file") from error
    found = cast("dict[str, Any]", content).get("config") if isinstance(content, dict) else None
    if not isinstance(found, dict):
        raise EvaluationError(f"{file.name} has no `config:` section", "write the stack's settings under `config:`")
    config = {f"{PROJECT}:{key}": value for key, value in ({**placeholders, "registryUsername": "placeholder"}).items()}
    for key, value in cast("dict[str, Any]", found).items():
        config[key if ":" in key else f"{PROJECT}:{key}"] = _without_ciphertext(value)
    return config


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
    command = [sys.executable, "-m", "program.evaluation", str(checkout), *stacks, *(["--preview"] if preview else [])]
    # This checkout's `delivery` evaluates the other checkout's `components`, which come first on its path.
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
        f"the program of {checkout} ended without a word: {done.stderr.decode(errors='replace')[-2000:].strip()}"
    )
    return {stack: results.get(stack, lost) for stack in stacks}


def _answers(checkout: FilePath, stacks: Sequence[str], *, preview: bool) -> Iterator[bytes]:
    sys.path.insert(0, str(checkout))
    placeholders = _placeholders()
    for stack in stacks:
        try:
            config = stack_config(checkout, stack, placeholders)
            yield run(lambda: runpy.run_path(str(checkout / "__main__.py")), config, stack=stack, preview=preview).to_json()
        except (pulumi.RunError, DeliveryError) as error:
            yield json.dumps({"stack": stack, "error": str(error)}).encode()
        except (Exception, SystemExit) as error:
            problem = f"the program raised {type(error).__name__}: {error}{_place(checkout, error)}"
            yield json.dumps({"stack": stack, "error": problem}).encode()


def _placeholders() -> dict[str, Any]:
    """Placeholders for the secrets that the evaluated program reads: another version has other ones, and refuses ours."""
    try:
        keys = cast("tuple[str, ...]", importlib.import_module("components.settings.loading").SECRET_KEYS)
    except Exception:  # whatever is wrong with its modules, the program itself says it better
        return PLACEHOLDERS
    return {key: PLACEHOLDERS.get(key, "placeholder") for key in keys}


def _place(checkout: FilePath, error: BaseException) -> str:
    """The last line of the program itself that ``error`` came through."""
    frames = [each for each in traceback.extract_tb(error.__traceback__) if FilePath(each.filename).is_relative_to(checkout)]
    return f" ({FilePath(frames[-1].filename).relative_to(checkout)}:{frames[-1].lineno})" if frames else ""


def main(arguments: Sequence[str]) -> None:
    """One line of JSON per stack: its graph, or what went wrong. The program's own prints go to standard error."""
    out, sys.stdout = sys.stdout, sys.stderr
    checkout, *stacks = [each for each in arguments if each != "--preview"]
    for answer in _answers(FilePath(checkout), stacks, preview="--preview" in arguments):
        out.buffer.write(answer + b"\n")
        out.buffer.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
