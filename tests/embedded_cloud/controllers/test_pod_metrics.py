"""The answers of the resource metrics API: lists, selected lists, and one pod or node."""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest

from embedded_cloud.controllers import pod_metrics

OBJECTS = {
    "/api/v1/nodes": [
        {"metadata": {"name": "node-a", "labels": {"zone": "a"}}},
        {"metadata": {"name": "node-b", "labels": {"zone": "b"}}},
    ],
    "/api/v1/namespaces/shop/pods": [
        {
            "metadata": {"name": name, "namespace": "shop", "labels": {"app": name}},
            "spec": {"nodeName": "node-a", "containers": [{"name": "main", "resources": {"requests": {"cpu": "1"}}}]},
            "status": {"phase": phase},
        }
        for name, phase in (("web", "Running"), ("redis", "Running"), ("new", "Pending"))
    ],
}


class Api:
    """An API server that selects objects by one label and by name."""

    def items(self, path: str) -> list[dict[str, Any]]:
        url = urlsplit(path)
        query = parse_qs(url.query)
        found = OBJECTS[url.path if url.path in OBJECTS else "/api/v1/namespaces/shop/pods"]
        if "labelSelector" in query:
            key, value = query["labelSelector"][0].split("=")
            found = [each for each in found if each["metadata"]["labels"].get(key) == value]
        if "fieldSelector" in query:
            _, name = query["fieldSelector"][0].split("=")
            found = [each for each in found if each["metadata"]["name"] == name]
        return found


def respond(path: str) -> dict[str, Any] | None:
    return pod_metrics.respond(cast("Any", Api()), f"/apis/{pod_metrics.API}/{path}", "test")


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("namespaces/shop/pods", ["web", "redis"]),
        ("namespaces/shop/pods?labelSelector=app%3Dweb", ["web"]),
        ("pods", ["web", "redis"]),
        ("nodes", ["node-a", "node-b"]),
        ("nodes?labelSelector=zone%3Db", ["node-b"]),
    ],
)
def test_a_list_has_the_selected_objects(path: str, names: list[str]) -> None:
    answer = respond(path)
    assert answer is not None
    assert [each["metadata"]["name"] for each in answer["items"]] == names


@pytest.mark.parametrize(
    ("path", "kind", "cpu"),
    [
        ("namespaces/shop/pods/web", "PodMetrics", ["500m"]),
        ("nodes/node-a", "NodeMetrics", ["1000m"]),
        ("nodes/node-b", "NodeMetrics", ["0m"]),
    ],
)
def test_one_object_is_an_object_of_its_kind(path: str, kind: str, cpu: list[str]) -> None:
    answer = respond(path)
    assert answer is not None
    assert (answer["kind"], answer["apiVersion"], answer["metadata"]["name"]) == (kind, pod_metrics.API, path.split("/")[-1])
    assert [each["usage"]["cpu"] for each in answer.get("containers", [answer])] == cpu


@pytest.mark.parametrize("path", ["namespaces/shop/pods/other", "namespaces/shop/pods/new", "nodes/other", "deployments"])
def test_an_object_without_metrics_is_not_found(path: str) -> None:
    assert respond(path) is None
