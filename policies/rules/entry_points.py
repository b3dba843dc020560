"""Rules on the Kubernetes objects by which traffic enters the cluster: Services and Ingresses."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from policies.addresses import internet_in
from policies.rule import Pack, Problem, at
from policies.views import View
from program.types import INGRESS, SERVICE

PACK = Pack("network")


@PACK.rule(
    "network-services-internal",
    SERVICE,
    INGRESS,
    title="No Service or Ingress opens a node port, an external IP address or a public load balancer",
    why="No security group of the program covers the load balancer, node port or external address of such an object.",
    fix="Use type ClusterIP, and bind the Service to a target group of the program's load balancer.",
    severity="critical",
    frameworks=("NSA Kubernetes Hardening", "CVE-2020-8554"),
)
def services_internal(view: View) -> Iterator[Problem]:
    """Yield a problem if other networks reach a Service or Ingress, by a NodePort, external IPs or a public load balancer."""
    if view.resource.type == INGRESS:
        if _is_public(view, "internal"):
            path = "metadata.annotations"
            yield at(view, path, "a load balancer is open to the internet", "set alb.ingress.kubernetes.io/scheme to internal")
        return
    if view.texts("spec.externalIPs"):
        yield at(
            view, "spec.externalIPs", "the Service receives traffic for IP addresses that do not belong to it", "remove externalIPs"
        )
    kind = view.text("spec.type", "ClusterIP")
    if kind == "NodePort":
        yield at(view, "spec.type", "a port is opened on every node", "set spec.type to ClusterIP")
    if kind == "LoadBalancer" and _is_public(view, "internet-facing"):
        yield at(view, "spec.type", "a load balancer is open to the internet", "set spec.type to ClusterIP")


SCHEMES = ("alb.ingress.kubernetes.io/scheme", "service.beta.kubernetes.io/aws-load-balancer-scheme")
"""Annotations with the scheme of a load balancer, which have precedence over ``INTERNAL``.

Sources: https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/service/annotations/ and
https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/ingress/annotations/
"""
INTERNAL = "service.beta.kubernetes.io/aws-load-balancer-internal"
RANGES = ("alb.ingress.kubernetes.io/inbound-cidrs", "service.beta.kubernetes.io/load-balancer-source-ranges")


def _is_public(view: View, default: str) -> bool:
    """Whether the load balancer of a Service or Ingress is open to the internet. ``default`` is its scheme without annotations."""
    annotations = view.map("metadata.annotations")
    if annotations.get(INTERNAL) in ("true", "0.0.0.0/0"):
        default = "internal"
    scheme = next((annotations[key] for key in SCHEMES if key in annotations), default)
    listed = view.texts("spec.loadBalancerSourceRanges") if view.resource.type == SERVICE else []
    sources = [*listed, *(each.strip() for key in RANGES for each in annotations.get(key, "").split(",") if each.strip())]
    return scheme != "internal" and (not sources or bool(internet_in(sources)))


@PACK.rule(
    "network-ingress-tls",
    INGRESS,
    title="Every Ingress serves named hosts over TLS",
    why="Without TLS, passwords can be read on the network. Without a host, an Ingress receives requests for all other host names.",
    fix="Name each host in `spec.rules` and in `spec.tls`.",
    severity="high",
    frameworks=("NSA Kubernetes Hardening",),
)
def ingress_tls(view: View) -> Iterator[Problem]:
    """Yield a problem for a host with a wildcard or without a certificate, and for a default backend, which accepts any host.

    Annotations are checked too: an annotation can enable plain text beside TLS, or name the certificate of an application load
    balancer.
    """
    annotations = view.map("metadata.annotations")
    by_load_balancer = "alb" in (view.text("spec.ingressClassName"), annotations.get("kubernetes.io/ingress.class"))
    certified = [
        host for each in view.views("spec.tls") if each.text("secretName") or by_load_balancer for host in each.texts("hosts")
    ]
    if view.has("spec.defaultBackend"):
        yield at(view, "spec.defaultBackend", "the Ingress accepts requests for any host", "name the host in spec.rules")
    if key := _serves_plain_text(annotations):
        yield at(view, "metadata.annotations", f"{key} serves plain text beside TLS", "redirect plain text to HTTPS")
    for rule in view.views("spec.rules"):
        host = rule.text("host")
        if not host or host.startswith("*"):
            yield at(rule, "host", f"the Ingress accepts requests for {host or 'any host'}", "name the host")
        elif by_load_balancer and "alb.ingress.kubernetes.io/certificate-arn" in annotations:
            continue
        elif host not in certified and f"*.{host.partition('.')[2]}" not in certified:
            yield at(rule, "host", f"{host} is served in plain text", f"add {host} to spec.tls with a secretName")


def _serves_plain_text(annotations: Mapping[str, str]) -> str:
    """The annotation by which an Ingress serves plain text, or ``""``."""
    nginx, alb = "nginx.ingress.kubernetes.io", "alb.ingress.kubernetes.io"
    if annotations.get(f"{nginx}/ssl-redirect") == "false" and annotations.get(f"{nginx}/force-ssl-redirect") != "true":
        return f"{nginx}/ssl-redirect"
    plain = re.search(r'"HTTP"\s*:', annotations.get(f"{alb}/listen-ports", ""))
    return f"{alb}/listen-ports" if plain and not annotations.get(f"{alb}/ssl-redirect") else ""


SNIPPETS = ("configuration-snippet", "server-snippet", "auth-snippet", "stream-snippet", "modsecurity-snippet")


@PACK.rule(
    "network-ingress-no-snippets",
    INGRESS,
    title="No Ingress adds a configuration snippet to the controller",
    why="A snippet runs in the controller, which can read every Secret of the cluster.",
    fix="Use a specific annotation, or change the controller's own configuration.",
    severity="high",
    frameworks=("CVE-2021-25742",),
)
def ingress_no_snippets(view: View) -> Iterator[Problem]:
    """Yield a problem for an annotation that contains configuration of the ingress controller (a snippet)."""
    for key in view.map("metadata.annotations"):
        if key.rpartition("/")[2] in SNIPPETS:
            yield at(view, "metadata.annotations", f"{key} is configuration of the controller", f"remove {key}")
