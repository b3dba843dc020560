"""The only module of this package that uses undocumented interfaces of the Pulumi SDK.

``tests/program/test_sdk_contract.py`` fails when the SDK changes one of these:

- ``pulumi.runtime.mocks.MockMonitor``: the documented mocks receive only a resource's inputs. A graph also needs the options, the
  dependencies and the URNs, so :class:`Monitor` reads each request before the SDK's ``MockMonitor`` answers it.
- ``pulumi.runtime.stack.run_pulumi_func`` and ``Stack.outputs``: the documented test helpers run one function and do not wait for
  the tasks that it started. ``run_pulumi_func``, which the SDK's own entry point calls, runs a program to its end;
  ``Stack.outputs`` holds the exports.
- ``pulumi.runtime.rpc.is_rpc_secret`` and ``unwrap_rpc_secret``: the encoding of a secret in a request.
- ``pulumi.runtime.invoke`` (:func:`_unknown_plain_calls`): the provider SDKs call this function to read a data source.
- ``pulumi.log.debug`` (:func:`without_debug_messages`): each resource sends five messages, which the engine prints only with
  ``--debug``.

The SDK stores its state in context variables. :func:`record` runs each program in a new context and event loop, so a run leaves no
state in the process.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any, cast

import pulumi
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime import mocks, rpc
from pulumi.runtime.proto import resource_pb2
from pulumi.runtime.settings import get_root_resource
from pulumi.runtime.stack import Stack, run_pulumi_func

from program import catalogue
from program.errors import EvaluationError
from program.graph import Graph, Invoke, Path, Resource
from program.protocol import MASK, SIGNATURE, UNKNOWN, with_whole_numbers

ROOT_TYPE = "pulumi:pulumi:Stack"
STACK_REFERENCE = "pulumi:pulumi:StackReference"


class Providers(mocks.Mocks):
    """Mocks of the providers. In a preview, computed outputs are unknown; otherwise they are the catalogue's example values."""

    published: Mapping[str, Any] = {}
    """The outputs of every stack that the program reads by a StackReference: none, because an evaluation has no backend."""

    def __init__(self, *, preview: bool, caller: str) -> None:
        self.caller = caller
        self.preview = preview

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        inputs = cast("dict[str, Any]", cast(Any, args).inputs)
        if args.typ == STACK_REFERENCE:
            return args.resource_id, {**inputs, "outputs": self.published, "secretOutputNames": []}
        if not args.custom or self.preview:
            return None, inputs
        return f"{args.name}-id", catalogue.outputs(args.typ, args.name, inputs)

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        given = cast("dict[str, Any]", cast(Any, args).args)
        caller = {"caller": self.caller, "account": self.caller.split(":")[4]}
        return {**given, **catalogue.answer(args.token, {**given, **caller})}, []


class Monitor(mocks.MockMonitor):
    """Records each request to call a data source, and each request to register a resource other than the stack itself."""

    def __init__(self, providers: mocks.Mocks, *, project: str, stack: str) -> None:
        super().__init__(providers)
        self.project = project
        self.stack = stack
        self.registered: list[Resource] = []
        self.invokes: list[Invoke] = []
        self.urns: set[str] = set()
        self.duplicate_urns: list[str] = []

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """The URN in the engine's format. It contains the types of the resource and of its parents, without the stack's type."""
        above = parent.split("::")[2] if parent else ""
        qualified = f"{above}${type_}" if above and above != ROOT_TYPE else type_
        return f"urn:pulumi:{self.stack}::{self.project}::{qualified}::{name}"

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the protocol's name
        if request.type != ROOT_TYPE:
            urn = self.make_urn(request.parent, request.type, request.name)
            if urn in self.urns:
                self.duplicate_urns.append(urn)
            self.urns.add(urn)
            aliases = tuple(each.urn or self._former_urn(request, each.spec) for each in request.aliases)
            self.registered.append(_resource(urn, request, aliases))
        return cast(Any, super()).RegisterResource(request)

    def _former_urn(self, request: Any, spec: Any) -> str:
        """The full URN of an alias. The alias itself contains only the parts that differ from the current URN."""
        parent = "" if spec.noParent else spec.parentUrn or request.parent
        return self.make_urn(parent, spec.type or request.type, spec.name or request.name)

    def Invoke(self, request: Any) -> Any:  # noqa: N802 - the protocol's name
        args, _ = plain(request.args)
        known = request.tok in catalogue.DATA_SOURCES
        self.invokes.append(Invoke(token=request.tok, args=args, provider=request.provider, known=known))
        return cast(Any, super()).Invoke(request) if known else resource_pb2.ResourceInvokeResponse(unknown=True)


@contextmanager
def _unknown_plain_calls() -> Generator[None]:
    """A context in which a plain call (``get_x``) returns an unknown value if its data source is not in the catalogue.

    The monitor marks the result of such a data source as unknown, without a value. Only the calls that return an output
    (``get_x_output``) read the mark. A plain call, whose result is always known with the real engine, ignores the mark and would
    fail without a value. So this function wraps ``pulumi.runtime.invoke``, which the provider SDKs call, and adds a value.
    """
    original = pulumi.runtime.invoke

    def invoke(*arguments: Any, **options: Any) -> Any:
        result = original(*arguments, **options)
        typ = options.get("typ")
        if not result.is_known and isinstance(typ, type):
            result.value = _unknown_object(typ)
        return result

    pulumi.runtime.invoke = invoke
    try:
        yield
    finally:
        pulumi.runtime.invoke = original


def _unknown_object(type_: Any) -> Any:
    """A result in which every value is unknown or absent.

    The mark of an unknown value is a string, and the SDK checks types. For this reason, a list has one unknown item, a mapping is
    empty, and a number or boolean is ``None``.
    """
    found = cast(Any, object).__new__(type_)
    for name, each in cast("dict[str, Any]", vars(type_)).items():
        if isinstance(each, property):
            hint = str(getattr(each.fget, "__annotations__", {}).get("return"))
            value: Any = [UNKNOWN] if "Sequence" in hint else {} if "Mapping" in hint else UNKNOWN if "str" in hint else None
            cast(Any, pulumi).set(found, name, value)
    return found


def record(
    program: Callable[[], object],
    config: Mapping[str, str],
    secret_keys: list[str],
    *,
    providers: mocks.Mocks,
    project: str,
    stack: str,
    preview: bool,
) -> Graph:
    """Run ``program`` to its end and return the graph that it declared.

    Raises every exception of ``program``, and :class:`~program.errors.EvaluationError` if several resources have the same URN.

    Each run has its own context and event loop. Closing the loop also cancels the tasks that a failed program left; otherwise a
    later run would report them as coroutines that were never awaited. The monitor answers in one thread, so that resources are
    recorded in the order of their requests. The thread gets an event loop that is closed at the end, because the monitor would not
    close an event loop that it creates itself.
    """

    async def run() -> Graph:
        asyncio.get_running_loop().set_default_executor(answers)
        # A failed program leaves futures with its exception. When such a future is garbage-collected, asyncio would print a
        # traceback. To print it, Python compiles a source line, and Python 3.11 fails if a module is being compiled at that time.
        asyncio.get_running_loop().set_exception_handler(_ignore)
        pulumi.runtime.reset_options(project=project, stack=stack, preview=preview)
        monitor = Monitor(providers, project=project, stack=stack)
        mocks.set_mocks(monitor.mocks, project=project, stack=stack, preview=preview, monitor=monitor)
        pulumi.runtime.set_all_config(dict(config), secret_keys)
        with _unknown_plain_calls():
            await run_pulumi_func(_without_result(program))
        if duplicates := list(dict.fromkeys(monitor.duplicate_urns)):
            names = ", ".join(urn.rpartition("::")[2] for urn in duplicates)
            raise EvaluationError(
                f"several resources have the same URN, which the engine refuses: {', '.join(duplicates)}",
                f"give each resource a unique name; these names are used more than once: {names}",
            )
        root = get_root_resource()
        outputs = root.outputs if isinstance(root, Stack) else {}
        exports = {name: await _exported(value) for name, value in outputs.items()}
        return Graph(stack=stack, resources=tuple(monitor.registered), invokes=tuple(monitor.invokes), exports=exports)

    with (
        closing(asyncio.new_event_loop()) as loop,
        ThreadPoolExecutor(max_workers=1, initializer=asyncio.set_event_loop, initargs=(loop,)) as answers,
        asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner,
    ):
        return runner.run(run(), context=contextvars.copy_context())


async def _exported(value: Any) -> Any:
    """An export as plain data: :data:`UNKNOWN` if it is not known yet, :data:`MASK` if it is secret."""
    output = pulumi.Output.from_input(value)
    if await output.is_secret():
        return MASK
    return await output.future() if await output.is_known() else UNKNOWN


def _without_result(program: Callable[[], object]) -> Callable[[], None]:
    def call() -> None:
        program()  # the result is dropped, because the SDK would await an awaitable result

    return call


def without_debug_messages() -> None:
    """Send no debug messages from the SDK to the engine until this process ends. Call this only in a separate process."""
    pulumi.log.debug = _ignore


def _ignore(*_arguments: object, **_options: object) -> None:
    """Accept and ignore all arguments."""


def _resource(urn: str, request: Any, aliases: tuple[str, ...]) -> Resource:
    inputs, secrets = plain(request.object)
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
        import_id=request.importId,
        replacement_trigger=_trigger(request),
        deleted_with=request.deletedWith,
        plugin=" ".join(filter(None, (request.version, request.pluginDownloadURL))),
        timeouts=", ".join(f"{field.name} {value}" for field, value in request.customTimeouts.ListFields()),
        aliases=aliases,
    )


def _trigger(request: Any) -> Any:
    values, secrets = plain(Struct(fields={"value": request.replacement_trigger}))
    return MASK if secrets else values.get("value")


def plain(message: Struct) -> tuple[dict[str, Any], list[Path]]:
    """The values of a message, with secrets and resources decoded, and the paths of the secrets."""
    secrets: list[Path] = []

    def walk(value: Any, path: Path) -> Any:
        if rpc.is_rpc_secret(value):
            secrets.append(path)
            return walk(rpc.unwrap_rpc_secret(value), path)
        if isinstance(value, dict):
            items = cast("dict[str, Any]", value)
            if SIGNATURE in items and "urn" in items:  # a resource, which is represented by its id, or else its URN
                return items.get("id") or items["urn"]
            return {key: walk(item, (*path, key)) for key, item in items.items() if item is not None}
        if isinstance(value, list):
            return [walk(item, (*path, index)) for index, item in enumerate(cast("list[Any]", value))]
        # A string that was formatted with an unknown string is unknown too.
        return UNKNOWN if isinstance(value, str) and UNKNOWN in value else value

    return cast("dict[str, Any]", walk(with_whole_numbers(MessageToDict(message)), ())), secrets
