"""The settings group ``loadBalancer`` of a stack file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from annotated_types import Interval
from typing_extensions import override

from components.settings.groups._group import Conflict, Group
from components.settings.types import CertificateArn, DnsName, RetentionDays, Switch, Whole


class LoadBalancerSettings(Group):
    """The public load balancer and its certificate."""

    host: DnsName = "dwcp.example.com"
    """Public DNS name of the service (AWS: Route 53 alias records)."""
    hosted_zone: DnsName | None = "example.com"
    """Route 53 zone in which the program creates the records of `host` and of the certificate (AWS: ACM validation by DNS)."""
    certificate_arn: CertificateArn | None = None
    """Existing certificate to use; if it is set, `hostedZone` must be null (AWS: ACM certificates)."""
    deletion_protection: Switch = True
    """Whether AWS refuses to delete the load balancer; if false, `pulumi destroy` deletes access logs too (AWS: ALB attributes)."""
    idle_timeout_seconds: Annotated[Whole, Interval(ge=1, le=4000)] = 60
    """Seconds without traffic after which a connection is closed (AWS: Application Load Balancer attributes)."""
    deregistration_delay_seconds: Annotated[Whole, Interval(ge=0, le=3600)] = 30
    """Seconds in which a terminating pod can finish its requests; part of the pod's grace period (AWS: target group attributes)."""
    access_log_retention_days: RetentionDays = 90
    """Days after which access logs are deleted (AWS: Application Load Balancer access logs)."""
    tls_policy: Literal["ELBSecurityPolicy-TLS13-1-2-2021-06", "ELBSecurityPolicy-TLS13-1-3-2021-06"] = (
        "ELBSecurityPolicy-TLS13-1-2-2021-06"
    )
    """Accepted TLS versions: 1.2 (for older clients) and 1.3, or only 1.3 (AWS: TLS security policies)."""

    @override
    def conflicts(self) -> Iterator[Conflict]:
        # Each message begins with the name of the field: "hostedZone and certificateArn are both null ...".
        if self.certificate_arn is None and self.hosted_zone is None:
            yield (
                "hosted_zone",
                "and certificateArn are both null: HTTPS needs a certificate, or a zone in which ACM validates one",
                "example.com",
            )
        if self.certificate_arn is not None and self.hosted_zone is not None:
            yield "hosted_zone", "and certificateArn are both set: use an existing certificate or a new one in the zone", "null"
        if self.hosted_zone is not None and not f".{self.host}".endswith(f".{self.hosted_zone}"):
            yield "host", f"is not in the hosted zone {self.hosted_zone}", f"dwcp.{self.hosted_zone}"
