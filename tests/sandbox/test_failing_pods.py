"""Pods that fail on demand, by image tag or annotation, on the real control plane."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from embedded_cloud.control_plane import ControlPlane
from embedded_cloud.waiting import looks
from sandbox.failing_pods import ANNOTATION, LONGEST_STOP_SECONDS

NAMESPACE = "failing-pods"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"

Pod = dict[str, Any]


class Pods:
    """Pods of one namespace, read from the API server."""

    def __init__(self, control_plane: ControlPlane) -> None:
        self.api = control_plane.api

    def start(self, name: str, image: str, **annotations: str) -> None:
        spec = {"containers": [{"name": "app", "image": image}, {"name": "sidecar", "image": "exporter:v1"}]}
        metadata = {"name": name, "annotations": annotations}
        self.api.create(PODS, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})

    def start_draining(self, name: str, sleep: int) -> None:
        container = {"name": "app", "image": "app:v1", "lifecycle": {"preStop": {"sleep": {"seconds": sleep}}}}
        self.api.create(PODS, {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": [container]}})
        self.wait(name, is_ready)

    def delete(self, name: str, **options: int) -> None:
        self.api.request("DELETE", f"{PODS}/{name}", options or None)

    def names(self) -> set[str]:
        return {pod["metadata"]["name"] for pod in self.api.items(PODS)}

    def wait_until_gone(self, name: str) -> None:
        assert any(name not in self.names() for _ in looks(60, pause=0.1))

    def annotate(self, name: str, failure: str | None) -> None:
        change = {"metadata": {"annotations": {ANNOTATION: failure}}}
        self.api.request("PATCH", f"{PODS}/{name}", change, "application/merge-patch+json")

    def wait(self, name: str, reached: Callable[[Pod], object]) -> Pod:
        pod: Pod = {}
        for _ in looks(60, pause=0.1):
            if reached(pod := self.api.get(f"{PODS}/{name}")):
                return pod
        raise AssertionError(pod["status"])

    def events(self, name: str) -> set[str]:
        found = self.api.items(f"/api/v1/namespaces/{NAMESPACE}/events?fieldSelector=involvedObject.name%3D{name}%2Ctype%3DWarning")
        return {event["reason"] for event in found}


@pytest.fixture(scope="module")
def pods(control_plane: ControlPlane) -> Iterator[Pods]:
    control_plane.api.create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    account = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts"
    control_plane.processes.wait_until("kube-controller-manager", lambda: bool(control_plane.api.items(account)))
    yield Pods(control_plane)
    control_plane.api.request("DELETE", f"/api/v1/namespaces/{NAMESPACE}")


def is_ready(pod: Pod) -> bool:
    return any(each["type"] == "Ready" and each["status"] == "True" for each in pod["status"].get("conditions", []))


def waiting_reasons(pod: Pod) -> set[str]:
    return {each["state"].get("waiting", {}).get("reason", "") for each in pod["status"].get("containerStatuses", [])}


def restarts(pod: Pod) -> int:
    return pod["status"]["containerStatuses"][0]["restartCount"]


def test_a_pod_without_a_failure_becomes_ready(pods: Pods) -> None:
    pods.start("fine", "registry.example.com/team/app:v1.0.0-rc.1")
    assert waiting_reasons(pods.wait("fine", is_ready)) == {""}


@pytest.mark.parametrize("digest", ["", "@sha256:" + "0" * 64])
def test_a_container_of_a_crash_image_is_restarted_repeatedly(pods: Pods, digest: str) -> None:
    name = "crashes-by-digest" if digest else "crashes"
    pods.start(name, f"registry.example.com:5000/app:v1.0.0-crash{digest}")
    first = pods.wait(name, lambda pod: waiting_reasons(pod) == {"CrashLoopBackOff"})
    assert (first["status"]["phase"], is_ready(first), restarts(first)) == ("Running", False, 1)
    assert first["status"]["containerStatuses"][0]["lastState"]["terminated"]["exitCode"] == 1
    if not digest:
        pods.wait(name, lambda pod: restarts(pod) == 2)
        assert "BackOff" in pods.events(name)


def test_a_missing_image_is_never_pulled(pods: Pods) -> None:
    pods.start("missing", "app:v9-missing")
    pods.wait("missing", lambda pod: waiting_reasons(pod) == {"ErrImagePull"})
    later = pods.wait("missing", lambda pod: waiting_reasons(pod) == {"ImagePullBackOff"})
    assert (later["status"]["phase"], is_ready(later)) == ("Pending", False)
    assert {"Failed", "BackOff"} <= pods.events("missing")


def test_an_unready_image_runs_but_is_not_ready(pods: Pods) -> None:
    pods.start("unready", "app:v2-unready")
    pod = pods.wait("unready", lambda pod: pod["status"]["phase"] == "Running")
    assert not is_ready(pod)
    assert "running" in pod["status"]["containerStatuses"][0]["state"]
    assert pod["status"]["podIP"]
    pods.wait("unready", lambda _: "Unhealthy" in pods.events("unready"))


def test_a_slow_image_runs_for_a_while_before_it_is_ready(pods: Pods) -> None:
    pods.start("slow", "app:v2-slow")
    assert not is_ready(pods.wait("slow", lambda pod: pod["status"]["phase"] == "Running"))
    pods.wait("slow", is_ready)


@pytest.mark.parametrize("failure", ["crash", "unready"])
def test_a_running_pod_fails_and_recovers_by_annotation(pods: Pods, failure: str) -> None:
    name = f"later-{failure}"
    pods.start(name, "app:v1")
    pods.wait(name, is_ready)
    pods.annotate(name, failure)
    pods.wait(name, lambda pod: not is_ready(pod))
    pods.annotate(name, None)
    pods.wait(name, is_ready)


def test_a_deleted_pod_serves_during_its_pre_stop_sleep_and_then_ends(pods: Pods) -> None:
    pods.start("plain", "app:v1")
    pods.wait("plain", is_ready)
    for name in ("draining", "hurried"):
        pods.start_draining(name, sleep=LONGEST_STOP_SECONDS)
    pods.delete("draining")
    pods.delete("hurried", gracePeriodSeconds=1)
    pods.delete("plain")
    for name in ("plain", "hurried"):
        pods.wait_until_gone(name)
    draining = pods.api.get(f"{PODS}/draining")
    assert draining["metadata"]["deletionTimestamp"]
    assert is_ready(draining)
    pods.wait_until_gone("draining")


def test_a_pod_whose_containers_do_not_run_ends_at_once(pods: Pods) -> None:
    container = {"name": "app", "image": "app:v1-missing", "lifecycle": {"preStop": {"sleep": {"seconds": LONGEST_STOP_SECONDS}}}}
    pods.start_draining("beside", sleep=LONGEST_STOP_SECONDS)
    metadata = {"name": "not-pulled"}
    pods.api.create(PODS, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container]}})
    pods.wait("not-pulled", lambda pod: waiting_reasons(pod))
    pods.delete("beside")
    pods.delete("not-pulled")
    pods.wait_until_gone("not-pulled")
    assert "beside" in pods.names()
