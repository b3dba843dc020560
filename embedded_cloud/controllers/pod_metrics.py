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
from urllib.parse import parse_qs, quote, urlsplit

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
    """The answer to a GET request for ``path``; None for a path that this server does not serve, such as that of a single pod."""
    url = urlsplit(path)
    parts = url.path.removeprefix(f"/apis/{API}").strip("/").split("/")
    selector = parse_qs(url.query).get("labelSelector", [""])[0]
    if parts == [""]:
        kinds = (("pods", True, "PodMetrics"), ("nodes", False, "NodeMetrics"))
        resources = [{"name": n, "singularName": "", "namespaced": d, "kind": k, "verbs": ["get", "list"]} for n, d, k in kinds]
        return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": API, "resources": resources}
    if parts == ["nodes"]:
        pods = _running(api, "/api/v1/pods", "")
        nodes = [_node(node, pods, domain) for node in api.items("/api/v1/nodes")]
        return {"kind": "NodeMetricsList", "apiVersion": API, "metadata": {}, "items": nodes}
    if parts[-1] == "pods" and len(parts) in (1, 3):
        pods = _running(api, f"/api/v1/{'/'.join(parts)}", selector)
        return {"kind": "PodMetricsList", "apiVersion": API, "metadata": {}, "items": [_pod(pod, domain) for pod in pods]}
    return None


def _running(api: ApiServer, path: str, selector: str) -> list[Manifest]:
    pods = api.items(f"{path}?labelSelector={quote(selector)}")
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
