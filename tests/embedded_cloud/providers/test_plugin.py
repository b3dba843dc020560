"""The protocol between the engine and an embedded provider, with a real gRPC client."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from google.rpc.status_pb2 import Status
from hypothesis import given
from hypothesis import strategies as st
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from embedded_cloud.errors import EmbeddedCloudError
from embedded_cloud.providers import paths
from embedded_cloud.providers.plugin import (
    UNKNOWN,
    Change,
    Diff,
    NotReadyError,
    Plugin,
    Properties,
    ResourceState,
    Servicer,
    is_unknown,
    to_python,
    to_struct,
)

URN = "urn:pulumi:local::dwcp-v3::dwcp:Application$test:index:Thing::web"


class Things(Plugin):
    """Stores resources in memory; a resource whose name is a failure fails in that way."""

    def __init__(self) -> None:
        self.seen: list[ResourceState] = []

    def check(self, resource: ResourceState, olds: Properties, news: Properties) -> Properties:
        if "size" not in news:
            raise EmbeddedCloudError("size is missing", "give a size")
        return news | {"colour": "red"}

    def diff(self, resource: ResourceState, old_inputs: Properties, old_state: Properties, news: Properties) -> Diff:
        replaced = ("zone",)
        changes = {path: Change.REPLACE if path in replaced else Change.UPDATE for path in paths.differing(old_inputs, news)}
        return Diff(changes, delete_before_replace=True)

    def create(self, resource: ResourceState, inputs: Properties, preview: bool) -> tuple[str, Properties]:
        self.seen.append(resource)
        match inputs.get("name"):
            case "slow":
                raise NotReadyError("id-slow", inputs, inputs | {"half": True}, ["pod web-1: ImagePullBackOff"])
            case "refused":
                raise EmbeddedCloudError("the service says no", "ask nicely")
            case "defect":
                raise ZeroDivisionError("by zero")
            case _:
                return "id-1", inputs | {"count": 3, "ratio": 0.5, "later": UNKNOWN}

    def read(self, resource: ResourceState, inputs: Properties, state: Properties) -> tuple[Properties, Properties] | None:
        return None if resource.id == "gone" else (inputs | {"size": 9}, state | {"size": 9})

    def update(
        self, resource: ResourceState, old_inputs: Properties, old_state: Properties, news: Properties, preview: bool
    ) -> Properties:
        self.seen.append(resource)
        return {**news, "before": old_inputs, "preview": preview}

    def delete(self, resource: ResourceState, inputs: Properties, state: Properties) -> None:
        self.seen.append(resource)


@pytest.fixture
def things() -> Things:
    return Things()


@pytest.fixture
def engine(things: Things) -> Iterator[provider_pb2_grpc.ResourceProviderStub]:
    server = grpc.server(ThreadPoolExecutor(2))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Servicer(things, "1.2.3"), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield provider_pb2_grpc.ResourceProviderStub(channel)
    server.stop(grace=None).wait()


def create(engine: Any, **inputs: Any) -> provider_pb2.CreateResponse:
    return engine.Create(provider_pb2.CreateRequest(urn=URN, properties=to_struct(inputs)))


def test_the_resource_has_its_own_type_and_name_not_its_parents(engine: Any, things: Things) -> None:
    create(engine, name="web")
    assert things.seen == [ResourceState(type="test:index:Thing", name="web", urn=URN)]


def test_the_ignored_paths_reach_the_provider(engine: Any, things: Things) -> None:
    engine.Update(provider_pb2.UpdateRequest(id="id-1", urn=URN, ignoreChanges=["spec.replicas"]))
    assert things.seen[0].ignore_changes == ("spec.replicas",)


def test_outputs_keep_whole_numbers_fractions_and_unknowns(engine: Any) -> None:
    outputs = to_python(create(engine, name="web", nested={"list": [1, {"a": None}]}).properties)
    assert outputs == {"name": "web", "nested": {"list": [1, {"a": None}]}, "count": 3, "ratio": 0.5, "later": UNKNOWN}
    assert type(outputs["count"]) is int
    assert type(outputs["ratio"]) is float


def test_check_completes_inputs_and_names_what_is_wrong(engine: Any) -> None:
    good = engine.Check(provider_pb2.CheckRequest(urn=URN, news=to_struct({"size": 1})))
    assert to_python(good.inputs) == {"size": 1, "colour": "red"}
    bad = engine.Check(provider_pb2.CheckRequest(urn=URN, news=to_struct({})))
    assert [failure.reason for failure in bad.failures] == ["size is missing\n  fix: give a size"]


def diff(engine: Any, olds: Properties, news: Properties, *ignored: str) -> provider_pb2.DiffResponse:
    return engine.Diff(
        provider_pb2.DiffRequest(id="1", urn=URN, old_inputs=to_struct(olds), news=to_struct(news), ignoreChanges=ignored)
    )


def test_a_diff_says_what_came_went_changed_and_replaces(engine: Any) -> None:
    answer = diff(engine, {"a": 1, "b": 1, "zone": "x"}, {"a": 2, "c": {"d": 1}, "zone": "y"})
    kinds = {path: provider_pb2.PropertyDiff.Kind.Name(detail.kind) for path, detail in answer.detailedDiff.items()}
    assert kinds == {"a": "UPDATE", "b": "DELETE", "c": "ADD", "zone": "UPDATE_REPLACE"}
    assert list(answer.replaces) == ["zone"]
    assert answer.changes == provider_pb2.DiffResponse.DIFF_SOME
    assert answer.deleteBeforeReplace


def test_ignored_paths_are_no_difference(engine: Any) -> None:
    olds = {"spec": {"replicas": 3, "rules": [{"weight": 0}, {"weight": 100}]}}
    news = {"spec": {"replicas": 5, "rules": [{"weight": 10}, {"weight": 90}]}}
    assert diff(engine, olds, news, "spec.replicas", "spec.rules[*].weight").changes == provider_pb2.DiffResponse.DIFF_NONE
    assert sorted(diff(engine, olds, news, "spec.rules[0].weight").detailedDiff) == ["spec.replicas", "spec.rules[1].weight"]


def test_a_resource_that_is_not_ready_comes_back_with_its_state(engine: Any) -> None:
    with pytest.raises(grpc.RpcError) as failure:
        create(engine, name="slow")
    (packed,) = Status.FromString(dict(failure.value.trailing_metadata())["grpc-status-details-bin"]).details
    detail = provider_pb2.ErrorResourceInitFailed()
    assert packed.Unpack(detail)
    assert (detail.id, list(detail.reasons)) == ("id-slow", ["pod web-1: ImagePullBackOff"])
    assert to_python(detail.inputs) == {"name": "slow"}
    assert to_python(detail.properties) == {"name": "slow", "half": True}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("refused", "the service says no\n  fix: ask nicely"),
        ("defect", "the embedded provider has a defect: ZeroDivisionError: by zero (" + __file__),
    ],
)
def test_a_failure_is_one_message(engine: Any, name: str, message: str) -> None:
    with pytest.raises(grpc.RpcError) as failure:
        create(engine, name=name)
    assert failure.value.details().startswith(message)
    assert "Traceback" not in failure.value.details()


def test_read_returns_live_values_or_nothing(engine: Any) -> None:
    there = engine.Read(provider_pb2.ReadRequest(id="id-1", urn=URN, inputs=to_struct({"size": 1})))
    assert (there.id, to_python(there.inputs), to_python(there.properties)) == ("id-1", {"size": 9}, {"size": 9})
    assert engine.Read(provider_pb2.ReadRequest(id="gone", urn=URN)).id == ""


def test_components_methods_and_functions_are_refused_by_name(engine: Any) -> None:
    calls = [
        lambda: engine.Construct(provider_pb2.ConstructRequest(type="kubernetes:helm.sh/v4:Chart")),
        lambda: engine.Call(provider_pb2.CallRequest(tok="test:index:Thing/open")),
        lambda: engine.Invoke(provider_pb2.InvokeRequest(tok="test:index:getThing")),
    ]
    for call, name in zip(calls, ("kubernetes:helm.sh/v4:Chart", "test:index:Thing/open", "test:index:getThing"), strict=True):
        with pytest.raises(grpc.RpcError, match=name):
            call()


def test_ctrl_c_is_answered(engine: Any) -> None:
    """The engine ends the provider's process itself."""
    assert engine.Cancel(Empty()) == Empty()


def test_a_provider_process_imports_neither_the_sdk_nor_the_client_of_kubernetes() -> None:
    program = (
        "import sys\n"
        "from embedded_cloud import grpc_server\n"
        "from embedded_cloud.providers.aws.__main__ import main\n"
        "grpc_server.serve = lambda server: None\n"
        "main()\n"
        "assert 'embedded_cloud.providers.aws.provider' in sys.modules\n"
        "print([name for name in ('pulumi.output', 'pulumi.automation', 'kubernetes') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_provider_process_prints_its_port() -> None:
    command = [sys.executable, "-m", "embedded_cloud.providers.aws"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            info = provider_pb2_grpc.ResourceProviderStub(channel).GetPluginInfo(Empty())
        process.terminate()
    assert info.version.startswith("7.")
    assert process.returncode == 0


def test_unknowns_are_found_at_any_depth() -> None:
    assert is_unknown({"a": [{"b": UNKNOWN}]})
    assert not is_unknown({"a": [{"b": "known"}, 1, None]})


def test_paths_go_through_quoted_keys_and_indices() -> None:
    assert paths.segments('metadata.labels["app.kubernetes.io/name"]') == ("metadata", "labels", "app.kubernetes.io/name")
    assert paths.segments("spec.ports[0].name") == ("spec", "ports", 0, "name")
    assert paths.segments("rules[*].weight") == ("rules", "*", "weight")


keys = st.text(alphabet="ab.[]/", min_size=1, max_size=3)
trees = st.recursive(st.integers(0, 3), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3))


@given(st.dictionaries(keys, trees, max_size=3), st.dictionaries(keys, trees, max_size=3))
def test_every_differing_path_leads_to_two_different_values(olds: Properties, news: Properties) -> None:
    found = [paths.segments(path) for path in paths.differing(olds, news)]
    assert bool(found) == (olds != news)
    assert all(paths.value_at(olds, path) != paths.value_at(news, path) for path in found)
