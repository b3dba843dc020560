"""The settings group ``ingress`` of a stack file."""

from __future__ import annotations

from collections.abc import Iterator

from typing_extensions import override

from components.settings.groups._group import Conflict, Group
from components.settings.types import DnsName, ObjectName, Switch
from contract import APPLICATION


class IngressSettings(Group):
    """The internal entry point of the service."""

    enabled: Switch = False
    """Whether to create an Ingress, its controller and cert-manager; the DNS record is manual (guide: Deployment Manifests)."""
    class_name: ObjectName = "nginx"
    """Ingress class of the ingress controller (Kubernetes: ingress classes)."""
    controller_namespace: ObjectName = "ingress-nginx"
    """Namespace of the ingress controller; the pods in this namespace may call the service (Kubernetes: network policies)."""
    host: DnsName = "dwcp.internal.example.com"
    """Internal DNS name of the service (Kubernetes: Ingress)."""
    tls_secret: ObjectName | None = f"{APPLICATION}-tls"
    """Secret with the certificate; the `issuer` writes this Secret, or you create it (guide: Deployment Manifests)."""
    issuer: ObjectName | None = None
    """cert-manager ClusterIssuer that issues the certificate (cert-manager: issuers)."""
    await_address: Switch = True
    """Whether to wait until the controller reports an address; the sandbox has no controller (Kubernetes: Ingress status)."""

    @override
    def conflicts(self) -> Iterator[Conflict]:
        if self.enabled and self.tls_secret is None and self.issuer is None:
            yield (
                "tls_secret",
                "and issuer are both null: TLS needs a Secret with a certificate, or an issuer of one",
                f"{APPLICATION}-tls",
            )
