"""The internal entry point: an Ingress to the stable track, through the cluster's ingress controller."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi import ResourceOptions
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.networking.v1 import (
    HTTPIngressPathArgs,
    HTTPIngressRuleValueArgs,
    Ingress,
    IngressBackendArgs,
    IngressRuleArgs,
    IngressServiceBackendArgs,
    IngressSpecArgs,
    IngressTLSArgs,
    ServiceBackendPortArgs,
)

from components.component import Component
from components.settings import IngressSettings
from components.workload._tracks import SERVICE_PORT
from components.workload.application import Application
from components.workload.network_policies import allow, from_namespace
from components.workload.objects import SKIP_AWAIT


@dataclass(frozen=True, kw_only=True)
class IngressArgs:
    """Inputs of :class:`InternalIngress`."""

    settings: IngressSettings
    application: Application


class InternalIngress(Component):
    """An HTTPS entry point for internal clients. It leads only to stable pods, because a rollout splits only public traffic."""

    url: pulumi.Output[str | None]
    """The internal URL of the service, or ``None`` if ``ingress.enabled`` is false."""

    def __init__(self, name: str, args: IngressArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        settings = args.settings
        if settings.enabled:
            child = ResourceOptions(parent=self)
            _ingress(name, settings, args.application, child)
            _network_policy(f"{name}-ingress", settings, args.application, child)
        self.url = pulumi.Output.from_input(f"https://{settings.host}" if settings.enabled else None)
        self.publish()


def _ingress(name: str, settings: IngressSettings, application: Application, opts: ResourceOptions) -> None:
    issuer = {} if settings.issuer is None else {"cert-manager.io/cluster-issuer": settings.issuer}
    Ingress(
        f"{name}-ingress",
        metadata=ObjectMetaArgs(
            name=name,
            namespace=application.namespace.name,
            labels={"app": name},
            annotations={**issuer, **({} if settings.await_address else SKIP_AWAIT)},
        ),
        spec=IngressSpecArgs(
            ingress_class_name=settings.class_name,
            tls=[IngressTLSArgs(hosts=[settings.host], secret_name=settings.tls_secret or f"{name}-tls")],
            rules=[IngressRuleArgs(host=settings.host, http=HTTPIngressRuleValueArgs(paths=[_path(application)]))],
        ),
        opts=opts,
    )


def _path(application: Application) -> HTTPIngressPathArgs:
    backend = IngressServiceBackendArgs(name=application.service, port=ServiceBackendPortArgs(number=SERVICE_PORT))
    return HTTPIngressPathArgs(path="/", path_type="Prefix", backend=IngressBackendArgs(service=backend))


def _network_policy(name: str, settings: IngressSettings, application: Application, opts: ResourceOptions) -> None:
    endpoint = application.endpoint
    rule = from_namespace(settings.controller_namespace, endpoint.port)
    allow(name, application.namespace.name, endpoint.app, ingress=[rule], opts=opts)
