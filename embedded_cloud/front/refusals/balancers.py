"""Elastic Load Balancing, and the certificates of its listeners."""

from __future__ import annotations

import re
from typing import Any

from embedded_cloud.front.backends import attached_gateway, backend, load_balancers, subnet
from embedded_cloud.front.call import Call
from embedded_cloud.front.refusals._table import refuses

API = "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference"
NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?")

ATTRIBUTES = frozenset(
    {
        "deletion_protection.enabled",
        "load_balancing.cross_zone.enabled",
        *(f"access_logs.s3.{name}" for name in ("enabled", "bucket", "prefix")),
        *(f"connection_logs.s3.{name}" for name in ("enabled", "bucket", "prefix")),
        *(f"health_check_logs.s3.{name}" for name in ("enabled", "bucket", "prefix")),
        *("ipv6.deny_all_igw_traffic", "idle_timeout.timeout_seconds", "client_keep_alive.seconds", "zonal_shift.config.enabled"),
        *("routing.http.desync_mitigation_mode", "routing.http.drop_invalid_header_fields.enabled"),
        *("routing.http.preserve_host_header.enabled", "routing.http.x_amzn_tls_version_and_cipher_suite.enabled"),
        *("routing.http.xff_client_port.enabled", "routing.http.xff_header_processing.mode", "routing.http2.enabled"),
        *("waf.fail_open.enabled", "dns_record.client_routing_policy"),
    }
)
"""The attributes of load balancers: https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_LoadBalancerAttribute.html"""

SECONDS = {"idle_timeout.timeout_seconds": range(1, 4001), "client_keep_alive.seconds": range(60, 604801)}


@refuses("elbv2", "CreateLoadBalancer", code="InvalidSubnet", source=f"{API}/API_CreateLoadBalancer.html")
def balancer_without_gateway(call: Call) -> str | None:
    """An internet-facing load balancer in a VPC without an internet gateway."""
    found = _subnets(call)
    if call.parameters.get("Scheme") == "internal" or not found or attached_gateway(call, found[0].vpc_id):
        return None
    return f"VPC {found[0].vpc_id} has no internet gateway"


@refuses("elbv2", "CreateLoadBalancer", code="ValidationError", source=f"{API}/API_CreateLoadBalancer.html")
def balancer_in_one_zone(call: Call) -> str | None:
    """An application load balancer in only one zone."""
    zones = {each.availability_zone for each in _subnets(call)}
    if call.parameters.get("Type", "application") != "application" or len(zones) != 1:
        return None
    return "At least two subnets in two different Availability Zones must be specified"


@refuses("elbv2", "CreateLoadBalancer", code="DuplicateLoadBalancerName", source=f"{API}/API_CreateLoadBalancer.html")
def balancer_name_taken(call: Call) -> str | None:
    """A load balancer with the name of another load balancer of the region.

    If all settings are equal, AWS returns the existing load balancer. This is not supported, so such a call is refused too.
    """
    name = call.parameters["Name"]
    if name not in {each.name for each in load_balancers(call)}:
        return None
    return f"A load balancer with the same name '{name}' exists. The embedded cloud does not compare the settings of the two"


@refuses("elbv2", "CreateLoadBalancer", "CreateTargetGroup", code="ValidationError", source=f"{API}/API_CreateLoadBalancer.html")
def bad_name(call: Call) -> str | None:
    """A name that is not 1 to 32 letters, digits and inner hyphens, or a load balancer's name that begins with ``internal-``.

    API_CreateTargetGroup.html has the rule for target groups.
    """
    name = call.parameters["Name"]
    if len(name) > 32:
        return f"The name '{name}' cannot be longer than '32' characters"
    if not NAME.fullmatch(name):
        return f"The name '{name}' can only contain alphanumeric characters and hyphens(-), and cannot begin or end with a hyphen"
    reserved = call.name == "CreateLoadBalancer" and name.startswith("internal-")
    return f"The name '{name}' cannot begin with 'internal-'" if reserved else None


@refuses("elbv2", "ModifyLoadBalancerAttributes", code="ValidationError", source=f"{API}/API_LoadBalancerAttribute.html")
def bad_attribute(call: Call) -> str | None:
    """An attribute that load balancers do not have, or a number of seconds outside its range."""
    for each in call.parameters["Attributes"]:
        key, value = each["Key"], each.get("Value", "")
        if key not in ATTRIBUTES:
            return f"Load balancer attribute key '{key}' is not recognized"
        if key in SECONDS and not (value.isdecimal() and int(value) in SECONDS[key]):
            least, most = SECONDS[key][0], SECONDS[key][-1]
            return f"'{value}' is not valid for the attribute '{key}': it must be between {least} and {most}"
    return None


@refuses(
    "elbv2",
    "ModifyLoadBalancerAttributes",
    code="InvalidConfigurationRequest",
    source=f"{API}/API_ModifyLoadBalancerAttributes.html",
)
def logs_to_a_closed_bucket(call: Call) -> str | None:
    """Access logs to a bucket that does not exist or whose policy does not allow the service to write."""
    wanted = {each["Key"]: each.get("Value", "") for each in call.parameters["Attributes"]}
    name = wanted.get("access_logs.s3.bucket")
    if wanted.get("access_logs.s3.enabled") != "true" or not name:
        return None
    bucket = backend("s3", call).buckets.get(name)
    policy = bucket.policy if bucket else None
    if policy and (b"logdelivery.elasticloadbalancing" in policy or b"delivery.logs" in policy or b":root" in policy):
        return None
    return f"Access Denied for bucket: {name}. Please check S3bucket permission"


@refuses("elbv2", "DeleteLoadBalancer", code="OperationNotPermitted", source=f"{API}/API_DeleteLoadBalancer.html")
def protected_balancer(call: Call) -> str | None:
    """Deleting a load balancer under deletion protection."""
    arn = call.parameters["LoadBalancerArn"]
    found = next((each for each in load_balancers(call) if each.arn == arn), None)
    if found is None or found.attrs.get("deletion_protection.enabled") != "true":
        return None
    return f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled"


@refuses("elbv2", "CreateListener", "ModifyListener", code="ValidationError", source=f"{API}/API_CreateListener.html")
def listener_without_certificate(call: Call) -> str | None:
    """An HTTPS listener without a certificate.

    A changed listener keeps its certificate, unless its protocol was not HTTPS.
    """
    if call.parameters.get("Protocol") != "HTTPS" or call.parameters.get("Certificates"):
        return None
    arn = call.parameters.get("ListenerArn")
    if any(arn in each.listeners and each.listeners[arn].protocol == "HTTPS" for each in load_balancers(call)):
        return None
    return "A certificate must be specified for HTTPS listeners"


@refuses("elbv2", "CreateListener", "ModifyListener", code="UnsupportedCertificate", source=f"{API}/API_CreateListener.html")
def listener_with_an_unready_certificate(call: Call) -> str | None:
    """A listener with a certificate that is not issued yet."""
    certificates = backend("acm", call)._certificates
    for each in call.parameters.get("Certificates") or ():
        found = certificates.get(each.get("CertificateArn"))
        if found is not None and found.status != "ISSUED":
            return f"The certificate '{found.arn}' must have a fully-qualified domain name, a supported signature, and be issued"
    return None


@refuses(
    "acm",
    "DeleteCertificate",
    code="ResourceInUseException",
    source="https://docs.aws.amazon.com/acm/latest/APIReference/API_DeleteCertificate.html",
)
def certificate_in_use(call: Call) -> str | None:
    """Deleting a certificate that a listener uses."""
    arn = call.parameters["CertificateArn"]
    for balancer in load_balancers(call):
        for listener in list(balancer.listeners.values()):
            if arn in listener.certificates:
                return f"Certificate {arn} in account is in use by {balancer.arn}."
    return None


def _subnets(call: Call) -> list[Any]:
    named = [
        *(call.parameters.get("Subnets") or ()),
        *(each.get("SubnetId") for each in call.parameters.get("SubnetMappings") or ()),
    ]
    return [found for each in named if (found := subnet(call, each))]
