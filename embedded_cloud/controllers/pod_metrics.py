"""The resource metrics API (``metrics.k8s.io``) for the HPA and ``kubectl top``, instead of metrics-server.

The usage is simulated: each container uses half of its request. A pod's annotations ``DOMAIN/cpu`` and ``DOMAIN/memory`` replace
this value for each container of the pod, so that a test can make an HPA scale. ``DOMAIN`` is ``Project.annotation_domain``.
"""

from __future__ import annotations

import json
import ssl
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

from kubernetes.utils.quantity import parse_quantity

from embedded_cloud.api_server import ApiServer, Manifest

API = "metrics.k8s.io/v1beta1"
SERVICE = "metrics-server"
USED_SHARE = 0.5
"""Usage of a container as a share of its request, if its pod has no annotation."""


def serve(api: ApiServer, pki: Path, domain: str) -> None:
    """Serve the resource metrics API on a free port in the background, and register it with the API server's aggregator."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = respond(api, self.path, domain)
            self.send_response(404 if answer is None else 200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(answer or {"kind": "Status", "status": "Failure", "code": 404}).encode())

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing, because the HPA sends a request every few seconds."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki / "api.crt", pki / "api.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    _register(api, server.server_address[1])


def respond(api: ApiServer, path: str, domain: str) -> Manifest | None:
    """The answer to a GET request for ``path``; None for an unknown path, and for a pod or a node without metrics."""
    url = urlsplit(path)
    query = parse_qs(url.query)
    selection = {key: query[key][0] for key in ("labelSelector", "fieldSelector") if key in query}
    match url.path.removeprefix(f"/apis/{API}").strip("/").split("/"):
        case [""]:
            kinds = (("pods", True, "PodMetrics"), ("nodes", False, "NodeMetrics"))
            resources = [{"name": n, "singularName": "", "namespaced": d, "kind": k, "verbs": ["get", "list"]} for n, d, k in kinds]
            return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": API, "resources": resources}
        case ["nodes"]:
            return _list("NodeMetrics", _nodes(api, selection, domain))
        case ["nodes", name]:
            return _one("NodeMetrics", _nodes(api, _named(name), domain))
        case ["pods"] | ["namespaces", _, "pods"] as parts:
            return _list("PodMetrics", _pods(api, "/".join(parts), selection, domain))
        case ["namespaces", namespace, "pods", name]:
            return _one("PodMetrics", _pods(api, f"namespaces/{namespace}/pods", _named(name), domain))
        case _:
            return None


def _named(name: str) -> dict[str, str]:
    return {"fieldSelector": f"metadata.name={name}"}


def _list(kind: str, items: list[Manifest]) -> Manifest:
    return {"kind": f"{kind}List", "apiVersion": API, "metadata": {}, "items": items}


def _one(kind: str, items: list[Manifest]) -> Manifest | None:
    return {"kind": kind, "apiVersion": API, **items[0]} if items else None


def _nodes(api: ApiServer, selection: dict[str, str], domain: str) -> list[Manifest]:
    pods = _running(api, "pods", {})
    return [_node(node, pods, domain) for node in api.items(f"/api/v1/nodes?{urlencode(selection)}")]


def _pods(api: ApiServer, path: str, selection: dict[str, str], domain: str) -> list[Manifest]:
    return [_pod(pod, domain) for pod in _running(api, path, selection)]


def _running(api: ApiServer, path: str, selection: dict[str, str]) -> list[Manifest]:
    pods = api.items(f"/api/v1/{path}?{urlencode(selection)}")
    return [pod for pod in pods if pod["status"].get("phase") == "Running"]


def _pod(pod: Manifest, domain: str) -> Manifest:
    containers = [{"name": each["name"], "usage": _usage(pod, each, domain)} for each in pod["spec"]["containers"]]
    names = {key: pod["metadata"].get(key) for key in ("name", "namespace", "labels")}
    return {"metadata": {**names, "creationTimestamp": _now()}, "timestamp": _now(), "window": "15s", "containers": containers}


def _usage(pod: Manifest, container: Manifest, domain: str) -> dict[str, str]:
    annotations = pod["metadata"].get("annotations", {})
    requests = container.get("resources", {}).get("requests", {})
    cpu = annotations.get(f"{domain}/cpu") or f"{float(parse_quantity(requests.get('cpu', '0'))) * USED_SHARE * 1000:.0f}m"
    memory = annotations.get(f"{domain}/memory") or f"{float(parse_quantity(requests.get('memory', '0'))) * USED_SHARE:.0f}"
    return {"cpu": cpu, "memory": memory}


def _node(node: Manifest, pods: list[Manifest], domain: str) -> Manifest:
    name = node["metadata"]["name"]
    placed = [pod for pod in pods if pod["spec"].get("nodeName") == name]
    usages = [_usage(pod, each, domain) for pod in placed for each in pod["spec"]["containers"]]
    cpu = sum(float(parse_quantity(usage["cpu"])) for usage in usages)
    memory = sum(float(parse_quantity(usage["memory"])) for usage in usages)
    usage = {"cpu": f"{cpu * 1000:.0f}m", "memory": f"{memory:.0f}"}
    return {"metadata": {"name": name, "creationTimestamp": _now()}, "timestamp": _now(), "window": "15s", "usage": usage}


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _register(api: ApiServer, port: int) -> None:
    """Register the server with the aggregator.

    The Service has the type ExternalName, because the server listens on 127.0.0.1, and an EndpointSlice cannot contain a loopback
    address.
    """
    service_path = "/api/v1/namespaces/kube-system/services"
    api.create(
        service_path,
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": SERVICE, "namespace": "kube-system"},
            "spec": {"type": "ExternalName", "externalName": "localhost"},
        },
    )
    group, version = API.split("/")
    spec = {
        "group": group,
        "version": version,
        "groupPriorityMinimum": 100,
        "versionPriority": 100,
        "insecureSkipTLSVerify": True,  # the certificate does not contain the Service's name; the connection is local
        "service": {"name": SERVICE, "namespace": "kube-system", "port": port},
    }
    name = f"{version}.{group}"
    manifest = {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": name}, "spec": spec}
    path = "/apis/apiregistration.k8s.io/v1/apiservices"
    api.create(path, manifest)
    api.request("PATCH", f"{path}/{name}", {"spec": spec}, "application/merge-patch+json")
