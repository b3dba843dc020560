"""The data sources of the embedded aws provider."""

from __future__ import annotations

from embedded_cloud.errors import EmbeddedCloudError
from embedded_cloud.providers.aws._values import Properties
from embedded_cloud.providers.aws.session import Aws


def caller_identity(aws: Aws, args: Properties) -> Properties:
    """The identity of the present credentials."""
    identity = aws.client("sts").get_caller_identity()
    account = identity["Account"]
    return {"accountId": account, "arn": identity["Arn"], "userId": identity["UserId"], "id": account}


def zone(aws: Aws, args: Properties) -> Properties:
    """The hosted zone with a given name."""
    name = args["name"].rstrip(".")
    for found in aws.client("route53").list_hosted_zones_by_name(DNSName=name)["HostedZones"]:
        if found["Name"].rstrip(".") == name:
            id = found["Id"].rsplit("/", 1)[-1]
            return {"name": name, "zoneId": id, "id": id, "arn": f"arn:aws:route53:::hostedzone/{id}"}
    raise EmbeddedCloudError(f"no hosted zone {name} in Route 53", "create the zone first, or correct the name")


def addon_version(aws: Aws, args: Properties) -> Properties:
    """The version of an add-on for a Kubernetes version: the default version, or the newest if ``mostRecent`` is set."""
    name, kubernetes = args["addonName"], args["kubernetesVersion"]
    addons = aws.client("eks").describe_addon_versions(addonName=name, kubernetesVersion=kubernetes)["addons"]
    if not addons:
        raise EmbeddedCloudError(f"EKS has no add-on {name} for Kubernetes {kubernetes}", "correct the name or the version")
    versions = addons[0]["addonVersions"]
    recommended = [each for each in versions if any(fit.get("defaultVersion") for fit in each["compatibilities"])]
    found = versions if args.get("mostRecent") else recommended
    return {"addonName": name, "kubernetesVersion": kubernetes, "version": found[0]["addonVersion"], "id": name}


def availability_zones(aws: Aws, args: Properties) -> Properties:
    """The names and ids of the zones in the provider's region."""
    zones = aws.client("ec2").describe_availability_zones()["AvailabilityZones"]
    return {
        "names": [zone["ZoneName"] for zone in zones],
        "zoneIds": [zone["ZoneId"] for zone in zones],
        "id": args.get("region", aws.region),
    }


FUNCTIONS = {
    "aws:index/getAvailabilityZones:getAvailabilityZones": availability_zones,
    "aws:eks/getAddonVersion:getAddonVersion": addon_version,
    "aws:index/getCallerIdentity:getCallerIdentity": caller_identity,
    "aws:route53/getZone:getZone": zone,
}
