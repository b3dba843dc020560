"""CoreDNS as EKS installs it: a Deployment and its Service in ``kube-system``. Its pods are simulated, and resolve no names."""

from __future__ import annotations

from embedded_cloud.api_server import ApiServer

LABELS = {"k8s-app": "kube-dns"}


def install(api: ApiServer) -> None:
    """Create the Deployment and the Service unless they exist."""
    container = {
        "name": "coredns",
        "image": "registry.k8s.io/coredns/coredns:v1.12.4",
        "resources": {"requests": {"cpu": "100m", "memory": "70Mi"}, "limits": {"memory": "170Mi"}},
    }
    pod = {"priorityClassName": "system-cluster-critical", "containers": [container]}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "coredns", "labels": LABELS},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": LABELS},
            "template": {"metadata": {"labels": LABELS}, "spec": pod},
        },
    }
    ports = [{"name": name, "port": 53, "protocol": protocol} for name, protocol in (("dns", "UDP"), ("dns-tcp", "TCP"))]
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "kube-dns", "labels": LABELS},
        "spec": {"selector": LABELS, "ports": ports},
    }
    api.create("/apis/apps/v1/namespaces/kube-system/deployments", deployment)
    api.create("/api/v1/namespaces/kube-system/services", service)
