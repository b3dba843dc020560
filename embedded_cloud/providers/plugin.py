"""The base of an embedded provider: translates the protocol of the Pulumi engine to calls with plain Python values.

The plugin accepts neither secrets nor resource references. Therefore the engine sends plain values, and marks an output as secret
again if the input of the same name was secret. All values are JSON values. :data:`UNKNOWN` stands for a value that a preview does
not know yet.

Protocol: https://pulumi-developer-docs.readthedocs.io/latest/docs/_generated/proto/provider.html
"""

# The methods of the class Servicer have the names and parameters of the protocol, which documents them.

from __future__ import annotations

import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NoReturn, TypeVar, cast

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.empty_pb2 import Empty
from google.protobuf.struct_pb2 import Struct
from google.rpc.status_pb2 import Status
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from embedded_cloud import grpc_server
from embedded_cloud.errors import EmbeddedCloudError
from embedded_cloud.providers.paths import covers, segments, top, value_at
from embedded_cloud.providers.paths import differing as differing

Properties = dict[str, Any]
T = TypeVar("T")

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""The engine's placeholder for a value that is known only after ``pulumi up``."""


class Change(Enum):
    """The operation that a changed property requires: update or replace the resource."""

    UPDATE = "update"
    REPLACE = "replace"


@dataclass(frozen=True)
class Diff:
    """The property paths that differ, each with the operation that the difference requires."""

    changes: Mapping[str, Change] = field(default_factory=dict[str, Change])
    delete_before_replace: bool = False


def changes_of(replace_on: Collection[str], olds: Mapping[str, Any], news: Mapping[str, Any]) -> dict[str, Change]:
    """Return the operation for each path at which two sets of inputs differ: replace for properties in ``replace_on``."""
    return {path: Change.REPLACE if top(path) in replace_on else Change.UPDATE for path in differing(olds, news)}


@dataclass(frozen=True, kw_only=True)
class ResourceState:
    """A resource in a request of the engine: ``type`` is its token, ``name`` its logical name, ``id`` the provider's id.

    ``ignore_changes`` are the property paths in the resource option ``ignoreChanges``.
    """

    type: str
    name: str
    urn: str
    id: str = ""
    ignore_changes: tuple[str, ...] = ()


class NotReadyError(EmbeddedCloudError):
    """The resource exists but is not ready. It stays in the state, and the next ``pulumi up`` updates it again."""

    def __init__(self, id: str, inputs: Properties, state: Properties, reasons: list[str]) -> None:
        super().__init__("; ".join(reasons), "fix the cause, and run `pulumi up` again")
        self.id = id
        self.inputs = inputs
        self.state = state
        self.reasons = reasons


class Plugin(ABC):
    """The methods that an embedded provider implements. Several threads call these methods at the same time."""

    def configure(self, inputs: Properties) -> None:
        """Configure the provider with the inputs of the provider resource."""

    def check(self, resource: ResourceState, olds: Properties, news: Properties) -> Properties:
        """Return ``news`` with defaults and names added. Raises :class:`EmbeddedCloudError` for inputs that are not valid."""
        return news

    @abstractmethod
    def diff(self, resource: ResourceState, old_inputs: Properties, old_state: Properties, news: Properties) -> Diff:
        """The differences between the inputs of the last update and the present inputs."""

    @abstractmethod
    def create(self, resource: ResourceState, inputs: Properties, preview: bool) -> tuple[str, Properties]:
        """Create the resource; return its id and outputs."""

    @abstractmethod
    def read(self, resource: ResourceState, inputs: Properties, state: Properties) -> tuple[Properties, Properties] | None:
        """Return the live inputs and outputs, or None if the resource does not exist."""

    @abstractmethod
    def update(
        self, resource: ResourceState, old_inputs: Properties, old_state: Properties, news: Properties, preview: bool
    ) -> Properties:
        """Change the resource in place; return its outputs."""

    @abstractmethod
    def delete(self, resource: ResourceState, inputs: Properties, state: Properties) -> None:
        """Delete the resource. A resource that does not exist is not an error."""

    def invoke(self, token: str, args: Properties) -> Properties:
        """Return the result of a data source."""
        raise EmbeddedCloudError(
            f"the embedded cloud does not support the data source {token}",
            "leave it out of the stack or model it under embedded_cloud/providers",
        )


def is_unknown(value: object) -> bool:
    """Whether ``value`` is, or contains, a value that is known only after ``pulumi up``."""
    if isinstance(value, dict):
        return any(is_unknown(item) for item in cast("dict[str, Any]", value).values())
    if isinstance(value, list):
        return any(is_unknown(item) for item in cast("list[Any]", value))
    return value == UNKNOWN


def to_python(message: Struct) -> Properties:
    """A protobuf struct as plain values; whole numbers become ``int``, because protobuf has only doubles."""
    return {key: _value(value) for key, value in message.fields.items()}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return to_python(value.struct_value)
    if kind == "list_value":
        return [_value(item) for item in value.list_value.values]
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    return None if kind in (None, "null_value") else getattr(value, kind)


def to_struct(values: Mapping[str, Any]) -> Struct:
    """Plain values as a protobuf struct, without the top-level keys whose value is None; the engine omits such keys too."""
    message = Struct()
    message.update({key: value for key, value in values.items() if value is not None})
    return message


def _detailed(diff: Diff, olds: Properties, news: Properties) -> dict[str, provider_pb2.PropertyDiff]:
    """The change that the engine shows for each path: added, deleted or updated, and whether the change replaces the resource."""
    return {
        path: provider_pb2.PropertyDiff(kind=_kind(path, change, olds, news), inputDiff=True)
        for path, change in diff.changes.items()
    }


def _kind(path: str, change: Change, olds: Properties, news: Properties) -> provider_pb2.PropertyDiff.Kind.ValueType:
    old, new = (value_at(tree, segments(path)) for tree in (olds, news))
    verb = "ADD" if old is None else "DELETE" if new is None else "UPDATE"
    return provider_pb2.PropertyDiff.Kind.Value(f"{verb}_REPLACE" if change is Change.REPLACE else verb)


class Servicer(provider_pb2_grpc.ResourceProviderServicer):
    """The gRPC service: translates the engine's calls to calls of a :class:`Plugin`, and the plugin's errors to gRPC errors."""

    def __init__(self, plugin: Plugin, version: str) -> None:
        self.plugin = plugin
        self.version = version

    def Handshake(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.ProviderHandshakeResponse:
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=False, accept_resources=False, accept_outputs=False)

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=self.version)

    def CheckConfig(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.CheckResponse:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        """Whether the provider's own inputs have changed. Such a change is always in place, so it replaces no resource."""
        same = to_python(request.old_inputs or request.olds) == to_python(request.news)
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_NONE if same else provider_pb2.DiffResponse.DIFF_SOME
        )

    def Configure(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.ConfigureResponse:
        self._guard(context, lambda: self.plugin.configure(to_python(request.args)))
        return provider_pb2.ConfigureResponse(supportsPreview=True, acceptSecrets=False, acceptResources=False, acceptOutputs=False)

    def Check(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.CheckResponse:
        try:
            inputs = self.plugin.check(_resource(request), to_python(request.olds), to_python(request.news))
        except EmbeddedCloudError as error:
            failures = [provider_pb2.CheckFailure(reason=str(error))]
            return provider_pb2.CheckResponse(inputs=request.news, failures=failures)
        return provider_pb2.CheckResponse(inputs=to_struct(inputs))

    def Diff(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        olds, state, news = to_python(request.old_inputs), to_python(request.olds), to_python(request.news)
        resource = _resource(request)
        diff = self._guard(context, lambda: self.plugin.diff(resource, olds, state, news))
        # At `up`, the engine has already restored the old values at ignored paths; at `refresh`, the provider must skip the paths.
        ignored = [segments(path) for path in resource.ignore_changes]
        changes = {
            path: change for path, change in diff.changes.items() if not any(covers(each, segments(path)) for each in ignored)
        }
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME if changes else provider_pb2.DiffResponse.DIFF_NONE,
            replaces=[path for path, change in changes.items() if change is Change.REPLACE],
            diffs=sorted({str(segments(path)[0]) for path in changes}),
            detailedDiff=_detailed(Diff(changes), olds, news),
            hasDetailedDiff=True,
            deleteBeforeReplace=diff.delete_before_replace,
        )

    def Create(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.CreateResponse:
        inputs = to_python(request.properties)
        id, state = self._guard(context, lambda: self.plugin.create(_resource(request), inputs, request.preview))
        return provider_pb2.CreateResponse(id=id, properties=to_struct(state))

    def Read(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.ReadResponse:
        found = self._guard(
            context, lambda: self.plugin.read(_resource(request), to_python(request.inputs), to_python(request.properties))
        )
        if found is None:
            return provider_pb2.ReadResponse(id="")
        inputs, state = found
        return provider_pb2.ReadResponse(id=request.id, inputs=to_struct(inputs), properties=to_struct(state))

    def Update(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.UpdateResponse:
        old_inputs, old_state, news = to_python(request.old_inputs), to_python(request.olds), to_python(request.news)
        state = self._guard(context, lambda: self.plugin.update(_resource(request), old_inputs, old_state, news, request.preview))
        return provider_pb2.UpdateResponse(properties=to_struct(state))

    def Delete(self, request: Any, context: grpc.ServicerContext) -> Empty:
        inputs, state = to_python(request.old_inputs), to_python(request.properties)
        self._guard(context, lambda: self.plugin.delete(_resource(request), inputs, state))
        return Empty()

    def Invoke(self, request: Any, context: grpc.ServicerContext) -> provider_pb2.InvokeResponse:
        answer = self._guard(context, lambda: self.plugin.invoke(request.tok, to_python(request.args)))
        response = provider_pb2.InvokeResponse()
        getattr(response, "return").CopyFrom(to_struct(answer))
        return response

    def Construct(self, request: Any, context: grpc.ServicerContext) -> NoReturn:
        """Refuse components that a plugin constructs (remote components), because they need the official plugin."""
        _refuse(
            context,
            EmbeddedCloudError(
                f"the embedded cloud does not model {request.type}", "declare the resources that it contains one by one"
            ),
        )

    def Call(self, request: Any, context: grpc.ServicerContext) -> NoReturn:
        """Refuse calls of resource methods, because these need the official plugin."""
        _refuse(
            context, EmbeddedCloudError(f"the embedded cloud does not model the method {request.tok}", "leave it out of the stack")
        )

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> Empty:
        return Empty()

    def _guard(self, context: grpc.ServicerContext, call: Callable[[], T]) -> T:
        """Run ``call`` and return its result; a failure becomes one message to the user, without a traceback."""
        try:
            return call()
        except NotReadyError as error:
            _refuse_with_state(context, error)
        except EmbeddedCloudError as error:
            _refuse(context, error)
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            message = f"the embedded provider has a defect: {type(error).__name__}: {error} ({place.filename}:{place.lineno})"
            context.abort(grpc.StatusCode.INTERNAL, message)
        raise AssertionError("abort always raises")


def _resource(request: Any) -> ResourceState:
    """The resource of a request, with type and name from the URN. A field that the request does not have gets its default."""
    *_, kind, name = request.urn.split("::", 3)
    return ResourceState(
        type=kind.rsplit("$", 1)[-1],
        name=name,
        urn=request.urn,
        id=getattr(request, "id", ""),
        ignore_changes=tuple(getattr(request, "ignoreChanges", ())),
    )


def _refuse(context: grpc.ServicerContext, error: EmbeddedCloudError) -> NoReturn:
    context.abort(grpc.StatusCode.UNKNOWN, str(error))
    raise AssertionError("abort always raises")


def _refuse_with_state(context: grpc.ServicerContext, error: NotReadyError) -> NoReturn:
    """Fail the request, but report the resource that exists: the error's detail contains id, inputs, state and reasons."""
    detail = AnyMessage()
    detail.Pack(
        provider_pb2.ErrorResourceInitFailed(
            id=error.id, inputs=to_struct(error.inputs), properties=to_struct(error.state), reasons=error.reasons
        )
    )
    status = Status(code=grpc.StatusCode.UNKNOWN.value[0], message=str(error), details=[detail])
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    _refuse(context, error)


def serve(plugin: Plugin, version: str) -> None:
    """Serve ``plugin`` until the engine ends the process."""
    server = grpc_server.new_server()
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Servicer(plugin, version), server)
    grpc_server.serve(server)
