"""Checks of the entry point and the egress: target groups, certificates, NAT gateways, routes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import cast

from contract import NAMESPACE
from delivery.doctor.checks._registry import check
from delivery.doctor.facts import Manifest, TrackTraffic
from delivery.doctor.findings import Finding, FindingSeverity
from delivery.doctor.observations import Snapshot

RENEWAL_MARGIN = timedelta(days=30)
"""Time before expiry from which a certificate is reported.

ACM renews the certificates that it issued. It starts 60 days before the expiry (AWS: Renewal for domains validated by DNS). ACM
does not renew an imported certificate.
"""
IN_TRANSITION = frozenset({"initial", "draining"})
"""States of a target that are temporary."""


@check("unhealthy-targets")
def targets(observed: Snapshot) -> Iterator[Finding]:
    """Targets that fail their health checks, and tracks that get traffic without a healthy target."""
    for track in observed.tracks.value:
        states = [(each["Target"], each.get("TargetHealth", {})) for each in track.targets]
        healthy = [target for target, health in states if health.get("State") == "healthy"]
        bad = [(target, health) for target, health in states if health.get("State") not in {"healthy", *IN_TRANSITION}]
        if track.weight and not healthy:
            yield _nothing_answers(track, bad)
        elif bad and (track.weight or healthy):
            yield Finding(
                severity=FindingSeverity.WARNING,
                subject=f"Target group {track.track}",
                evidence=(f"{len(healthy)} of {len(states)} targets healthy, weight {track.weight}", *map(_state_of, bad)),
                cause="These pods run but do not answer /health from the load balancer: the service hangs, or a security "
                "group or network policy blocks the service's port.",
                command=f"kubectl get pods -n {NAMESPACE} -o wide",
            )


def _nothing_answers(track: TrackTraffic, bad: list[tuple[Manifest, Manifest]]) -> Finding:
    return Finding(
        severity=FindingSeverity.CRITICAL,
        subject=f"Target group {track.track}",
        evidence=(f"weight {track.weight}, {len(track.targets)} targets, none healthy", *map(_state_of, bad)),
        cause="This track gets traffic but has no healthy target: its requests return 502 or 503."
        if track.targets
        else "No pod is registered: none is ready, or the load balancer controller does not run.",
        command=f"kubectl get targetgroupbindings,pods -n {NAMESPACE} -o wide",
    )


def _state_of(target: tuple[Manifest, Manifest]) -> str:
    where, health = target
    reason = f", {health['Reason']}" if health.get("Reason") else ""
    return f"{where['Id']}:{where.get('Port', '')} {health.get('State', 'unknown')}{reason}"


@check("certificate-expiry")
def certificates(observed: Snapshot) -> Iterator[Finding]:
    """Certificates that have expired, expire soon, or were never issued."""
    for certificate in observed.certificates.value:
        status, end = certificate.get("Status", "ISSUED"), cast("datetime | None", certificate.get("NotAfter"))
        expired = status == "EXPIRED" or (end is not None and end <= observed.at)
        expires_soon = end is not None and end - observed.at < RENEWAL_MARGIN
        if not expired and not expires_soon and status == "ISSUED":
            continue
        until = f", valid until {end:%Y-%m-%d}" if end else ""
        yield Finding(
            severity=FindingSeverity.WARNING if status == "ISSUED" and not expired else FindingSeverity.CRITICAL,
            subject=f"Certificate {certificate.get('DomainName', '')}",
            evidence=(f"{status}{until}", certificate["CertificateArn"]),
            cause="The certificate's DNS validation record is missing, or the certificate was imported and not renewed.",
            command=f"aws acm describe-certificate --certificate-arn {certificate['CertificateArn']}",
        )


@check("no-internet-route")
def egress(observed: Snapshot) -> Iterator[Finding]:
    """Private subnets without a route to the internet, so that pods cannot pull images or call AWS APIs."""
    egress = observed.egress.value
    states = {each["NatGatewayId"]: each.get("State", "") for each in egress.nat_gateways}
    reported: set[str] = set()
    for gateway in egress.nat_gateways:
        if gateway.get("State") in {"failed", "deleting", "deleted"} and _is_used(gateway["NatGatewayId"], egress.route_tables):
            reported.add(gateway["NatGatewayId"])
            yield Finding(
                severity=FindingSeverity.CRITICAL,
                subject=f"NAT gateway {gateway['NatGatewayId']}",
                evidence=(f"state {gateway['State']}: {gateway.get('FailureMessage') or 'its routes are blackholes'}",),
                cause="The gateway failed or was deleted outside Pulumi.",
                command=f"aws ec2 describe-nat-gateways --nat-gateway-ids {gateway['NatGatewayId']}",
            )
    for subnet in egress.private_subnets:
        table = _table_of(subnet, egress.route_tables)
        default = [route for route in (table or {}).get("Routes", []) if route.get("DestinationCidrBlock") == "0.0.0.0/0"]
        lost = [route for route in default if _is_blackhole(route, states)]
        if default and all(route.get("NatGatewayId") in reported for route in lost):
            continue
        name = table["RouteTableId"] if table else "none"
        yield Finding(
            severity=FindingSeverity.CRITICAL,
            subject=f"Subnet {subnet}",
            evidence=(f"route table {name}: {'its default route is a blackhole' if lost else 'no default route'}",),
            cause="The NAT gateway of the route does not exist."
            if lost
            else "The route was deleted outside Pulumi, or the subnet has another route table.",
            command=f"aws ec2 describe-route-tables --filters Name=association.subnet-id,Values={subnet}",
        )


def _is_used(gateway: str, tables: tuple[Manifest, ...]) -> bool:
    return any(route.get("NatGatewayId") == gateway for table in tables for route in table.get("Routes", []))


def _table_of(subnet: str, tables: tuple[Manifest, ...]) -> Manifest | None:
    return next((each for each in tables if any(a.get("SubnetId") == subnet for a in each.get("Associations", []))), None)


def _is_blackhole(route: Manifest, states: dict[str, str]) -> bool:
    gateway = route.get("NatGatewayId")
    return route.get("State") == "blackhole" or (gateway is not None and states.get(gateway) not in {"available", "pending"})
