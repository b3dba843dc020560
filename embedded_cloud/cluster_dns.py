"""CoreDNS in ``kube-system``, as on EKS: a Deployment and its Service. Simulated pods resolve no names.

If the nodes run containers, CoreDNS is a process outside the cluster, and the Service sends queries to this process.
"""

from __future__ import annotations

from embedded_cloud.api_server import ApiServer

LABELS = {"k8s-app": "kube-dns"}


def install(api: ApiServer, address: str | None) -> None:
    """Create the Service, and an EndpointSlice that contains ``address``, unless they exist.

    If ``address`` is None, create a Deployment of CoreDNS instead of the EndpointSlice.
    """
    ports = [{"name": name, "port": 53, "protocol": protocol} for name, protocol in (("dns", "UDP"), ("dns-tcp", "TCP"))]
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "kube-dns", "labels": LABELS},
        "spec": {"ports": ports} if address else {"selector": LABELS, "ports": ports},
    }
    api.create("/api/v1/namespaces/kube-system/services", service)
    if address:
        endpoints = {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": "kube-dns", "labels": {"kubernetes.io/service-name": "kube-dns"}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [address]}],
            "ports": ports,
        }
        api.create("/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices", endpoints)
        return
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
    api.create("/apis/apps/v1/namespaces/kube-system/deployments", deployment)
