"""Rules about who may reach the platform."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

PUBLIC_PORTS = frozenset({80, 443})
"""The only ports that may be open to everyone: the load balancer's (guide, Terraform Infrastructure, Security Groups)."""

EVERYONE = frozenset({"0.0.0.0/0", "::/0"})

INGRESS_RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
"""Held against the SDK by a test: importing the SDK here would cost each preview a second."""


def open_to_the_world(rule: Mapping[str, Any]) -> Iterator[str]:
    """Say what is wrong with a security group's ingress rule: from everywhere, only single public ports are let in."""
    sources = EVERYONE & {rule.get("cidrIpv4"), rule.get("cidrIpv6")}
    ports = (rule.get("fromPort"), rule.get("toPort"))
    if sources and not (ports[0] == ports[1] and ports[0] in PUBLIC_PORTS):
        opened = "all ports" if rule.get("ipProtocol") == "-1" else f"port {ports[0]} to {ports[1]}"
        yield f"{opened} is open to {', '.join(sorted(sources))}; name the group that needs it in referencedSecurityGroupId"
