"""The load simulator: the distribution of requests, their results, the exported metrics, and control requests."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from sandbox.simulator import exposition
from sandbox.simulator.load import Behaviour, Load, Offer, Pod, WeightedTargets, shares
from sandbox.simulator.server import NODES, Simulator, server
from sandbox.simulator.world import World


def pod(number: int, track: str = "stable", version: str = "v3.0.0", app: str = "dwcp-v3") -> Pod:
    return Pod(name=f"{app}-{number}", ip=f"10.0.0.{number}", app=app, track=track, version=version, node="node-a")


STABLE, CANARY = (pod(1), pod(2)), (pod(3, "canary", "v3.1.0"),)


def routes(canary_weight: int) -> list[WeightedTargets]:
    return [
        WeightedTargets(weight=100 - canary_weight, targets=tuple(each.ip for each in STABLE)),
        WeightedTargets(weight=canary_weight, targets=tuple(each.ip for each in CANARY)),
    ]


@pytest.mark.parametrize("canary", [0, 10, 50, 100])
def test_requests_follow_the_weights_and_are_equal_within_a_group(canary: int) -> None:
    parts, lost = shares(routes(canary))
    assert parts["10.0.0.3"] == pytest.approx(canary / 100)
    assert parts["10.0.0.1"] == parts["10.0.0.2"] == pytest.approx((100 - canary) / 200)
    assert lost == pytest.approx(0)


def test_the_share_of_a_group_without_targets_is_lost() -> None:
    _, lost = shares([WeightedTargets(weight=90, targets=("10.0.0.1",)), WeightedTargets(weight=10, targets=())])
    assert lost == pytest.approx(0.1)


@pytest.mark.parametrize("routes", [[], [WeightedTargets(weight=0, targets=("10.0.0.1",))]])
def test_without_a_weight_every_request_is_lost(routes: list[WeightedTargets]) -> None:
    assert shares(routes)[1] == 1


def test_the_tracks_share_one_offered_load() -> None:
    load = Load(offer=Offer(requests_per_second=100))
    load.advance(10, routes(10), STABLE + CANARY)
    load.advance(10, routes(50), STABLE + CANARY)
    tracks = load.by_track(STABLE + CANARY)
    assert tracks["canary"]["requests"] == pytest.approx(100 + 500)
    assert tracks["stable"]["requests"] == pytest.approx(900 + 500)


def test_a_version_has_its_configured_error_rate_and_latency() -> None:
    load = Load(behaviours={"v3.1.0": Behaviour(error_rate=0.2, latency_seconds=2)})
    load.advance(10, routes(50), STABLE + CANARY)
    bad, good = load.counters[CANARY[0].name], load.counters[STABLE[0].name]
    assert bad.errors / bad.requests == pytest.approx(0.2)
    assert good.errors / good.requests == pytest.approx(Behaviour().error_rate)
    within_a_second = bad.buckets[7] / bad.requests
    assert within_a_second == pytest.approx(0.475)
    assert bad.latency_sum / bad.requests == pytest.approx(2 / 0.95 / 2)


def test_kubelet_and_host_network_pods_share_the_address_of_their_node() -> None:
    address = min(NODES)
    exporter = Pod(name="node-exporter", ip=address, app="node-exporter", track="", version="", node="node-a")
    ports = [{"containerPort": 9100}]
    spec = {"hostNetwork": True, "containers": [{"name": "exporter", "ports": ports}]}
    world = World(None, None)  # type: ignore[arg-type]
    world.pods, world.manifests = (
        [exporter],
        [{"metadata": {"name": exporter.name, "namespace": "monitoring"}, "spec": spec, "status": {"podIP": address}}],
    )
    assert world.at(address, 9100) == exporter
    assert world.at(address, 10250) is None
    assert Simulator(world).proxied(address, 10250, "/metrics")[0] == 200


def test_the_counters_of_a_deleted_pod_are_removed() -> None:
    load = Load()
    load.advance(1, routes(50), STABLE + CANARY)
    load.advance(1, routes(0), STABLE)
    assert load.counters.keys() == {each.name for each in STABLE}


def test_counters_never_decrease_and_buckets_are_cumulative() -> None:
    load = Load()
    last = 0.0
    for canary in (0, 10, 50, 100):
        load.advance(1, routes(canary), STABLE + CANARY)
        counters = load.counters[STABLE[0].name]
        assert counters.requests >= last
        assert counters.buckets == sorted(counters.buckets)
        assert counters.buckets[-1] <= counters.requests + 1e-9
        last = counters.requests


@pytest.mark.parametrize("wrong", [{"errorRate": 2}, {"errorrate": 0.1}, {"latencySeconds": 0}])
def test_an_invalid_behaviour_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Behaviour.model_validate(wrong)


def test_label_values_are_escaped() -> None:
    assert exposition.sample("up", 1, track='a"b\\c\nd') == 'up{track="a\\"b\\\\c\\nd"} 1'


class StaticWorld(World):
    """A world that does not change."""

    def __init__(self) -> None:
        self.pods = (*STABLE, *CANARY, pod(9, "", "", "dwcp-v3-redis"))
        self.routes = tuple(routes(10))
        self.deployments = ()
        self.manifests = tuple(
            {"metadata": {"name": each.name, "namespace": "dwcp-v3"}, "spec": {"containers": []}, "status": {"podIP": each.ip}}
            for each in self.pods
        )


class GrowingCluster:
    """An API server and a load balancer: when the targets are read, a pod starts and becomes a target."""

    def __init__(self) -> None:
        self.addresses: list[str] = []

    def items(self, path: str) -> list[dict[str, Any]]:
        labels = {"app": "dwcp-v3", "track": "stable", "version": "v3.0.0"}
        pods = [
            {"metadata": {"name": ip, "labels": labels}, "spec": {"containers": []}, "status": {"phase": "Running", "podIP": ip}}
            for ip in self.addresses
        ]
        return pods if path.endswith("/pods") else []

    def describe_rules(self, **_: Any) -> dict[str, Any]:
        return {"Rules": [{"Actions": [{"ForwardConfig": {"TargetGroups": [{"TargetGroupArn": "stable", "Weight": 100}]}}]}]}

    def describe_target_health(self, **_: Any) -> dict[str, Any]:
        self.addresses.append(f"10.0.0.{len(self.addresses) + 1}")
        return {"TargetHealthDescriptions": [{"Target": {"Id": ip}, "TargetHealth": {"State": "healthy"}} for ip in self.addresses]}


def test_every_target_that_is_read_has_a_pod() -> None:
    cluster: Any = GrowingCluster()
    world = World(api=cluster, elbv2=cluster, _rule="rule")
    for _ in range(2):
        world.refresh()
        assert [target for route in world.routes for target in route.targets] == [pod.ip for pod in world.pods]


@pytest.fixture
def world() -> StaticWorld:
    return StaticWorld()


@pytest.fixture
def url(world: StaticWorld) -> Iterator[str]:
    simulator = Simulator(world)
    simulator.load.advance(10, simulator.world.routes, simulator.world.service_pods)
    http_server = server(simulator, 0)
    threading.Thread(target=http_server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{http_server.server_address[1]}"
    http_server.shutdown()
    http_server.server_close()


def call(url: str, method: str = "GET", body: Any = None, proxy: str | None = None) -> tuple[int, str]:
    request = urllib.request.Request(url, method=method, data=None if body is None else json.dumps(body).encode())
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": proxy} if proxy else {}))
    try:
        with opener.open(request, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_health_and_readiness_fail_for_a_version_that_is_configured_so(url: str) -> None:
    assert call(f"{url}/tracks/canary/health")[0] == call(f"{url}/tracks/canary/ready")[0] == 200
    call(f"{url}/control/versions/v3.1.0", "PUT", {"healthy": False, "ready": False})
    assert call(f"{url}/tracks/canary/health")[0] == call(f"{url}/tracks/canary/ready")[0] == 500
    assert call(f"{url}/tracks/stable/health")[0] == 200
    call(f"{url}/control/versions/v3.1.0", "DELETE")
    assert call(f"{url}/tracks/canary/health")[0] == 200


def test_a_track_without_pods_answers_503(url: str) -> None:
    assert call(f"{url}/tracks/blue/health")[0] == call(f"{url}/tracks/blue")[0] == 503


def test_a_terminating_pod_gets_no_new_requests(world: StaticWorld, url: str) -> None:
    *old, new = STABLE
    world.pods = (*(replace(each, terminating=True, version="v2.0.0") for each in old), new)
    call(f"{url}/control/versions/v2.0.0", "PUT", {"errorRate": 1, "healthy": False})
    assert call(f"{url}/tracks/stable/health")[0] == 200
    assert {json.loads(call(f"{url}/tracks/stable")[1])["pod"] for _ in range(20)} == {new.name}
    world.pods = tuple(replace(each, terminating=True) for each in world.pods)
    assert call(f"{url}/tracks/stable/health")[0] == 500, "if all pods terminate, they get the requests"


def test_a_request_has_the_result_of_its_version(url: str) -> None:
    call(f"{url}/control/versions/v3.1.0", "PUT", {"errorRate": 1})
    assert call(f"{url}/tracks/canary")[0] == 500
    call(f"{url}/control/versions/v3.0.0", "PUT", {"errorRate": 0})
    status, body = call(f"{url}/tracks/stable")
    assert (status, json.loads(body)["version"]) == (200, "v3.0.0")


def test_the_proxy_answers_for_each_pod(url: str) -> None:
    status, text = call("http://10.0.0.3:9090/metrics", proxy=url)
    assert status == 200
    assert "dwcp_requests_total{} 100.0" in text
    assert call("http://10.0.0.9:9121/metrics", proxy=url)[1].splitlines()[1] == "redis_up{} 1"
    assert call("http://10.0.0.3:8080/health", proxy=url)[0] == 200
    assert call("http://10.0.0.77:9090/metrics", proxy=url)[0] == 502


def test_redis_can_be_stopped(url: str) -> None:
    call(f"{url}/control/redis", "PUT", {"up": False})
    assert "redis_up{} 0" in call("http://10.0.0.9:9121/metrics", proxy=url)[1]


@pytest.mark.parametrize(
    ("path", "method", "body", "status"),
    [
        ("/control/load", "PUT", {"requestsPerSecond": -1}, 400),
        ("/control/versions/v3.1.0", "PUT", {"errorate": 1}, 400),
        ("/control/moon", "PUT", {}, 404),
        ("/control/load", "DELETE", None, 404),
        ("/moon", "GET", None, 404),
    ],
)
def test_invalid_values_and_unknown_paths_are_refused(url: str, path: str, method: str, body: Any, status: int) -> None:
    code, answer = call(f"{url}{path}", method, body)
    assert code == status
    assert "error" in json.loads(answer)


def test_the_summary_contains_the_load_and_the_requests_of_each_track(url: str) -> None:
    summary = json.loads(call(f"{url}/control")[1])
    assert summary["load"] == {"requestsPerSecond": 100}
    assert [each["weight"] for each in summary["weights"]] == [90, 10]
    assert summary["tracks"]["canary"]["versions"] == ["v3.1.0"]
    assert summary["tracks"]["canary"]["requests"] == pytest.approx(100)
