"""The data sources of the embedded aws provider."""

from __future__ import annotations

from collections.abc import Callable

from embedded_cloud.errors import EmbeddedCloudError
from embedded_cloud.providers.aws._values import Properties
from embedded_cloud.providers.aws.session import Aws
from embedded_cloud.providers.modelled import names


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
    """The names and ids of the zones in the provider's region: all zones, or with the argument ``state``, those in this state."""
    filters = [{"Name": "state", "Values": [args["state"]]}] if args.get("state") else []
    zones = aws.client("ec2").describe_availability_zones(Filters=filters)["AvailabilityZones"]
    return {
        "names": [zone["ZoneName"] for zone in zones],
        "zoneIds": [zone["ZoneId"] for zone in zones],
        "id": aws.region,
    }


FUNCTIONS: dict[str, tuple[Callable[[Aws, Properties], Properties], frozenset[str]]] = {
    "aws:index/getAvailabilityZones:getAvailabilityZones": (availability_zones, names("state")),
    "aws:eks/getAddonVersion:getAddonVersion": (addon_version, names("addonName kubernetesVersion mostRecent")),
    "aws:index/getCallerIdentity:getCallerIdentity": (caller_identity, names("")),
    "aws:route53/getZone:getZone": (zone, names("name")),
}
"""By token: the function of each data source, and the arguments that it evaluates."""


def read(aws: Aws, token: str, args: Properties) -> Properties:
    """The outputs of a data source.

    Raises ``EmbeddedCloudError`` for an unknown data source or argument, or if AWS has no object that the arguments describe.
    """
    if token not in FUNCTIONS:
        raise EmbeddedCloudError(
            f"the embedded cloud does not support the data source {token}",
            "model it in embedded_cloud/providers/aws/functions.py or leave it out of the stack",
        )
    function, evaluated = FUNCTIONS[token]
    for name, value in args.items():
        if name not in evaluated and value is not None and (name, value) != ("region", aws.region):
            raise EmbeddedCloudError(
                f"the embedded cloud does not evaluate the argument {name} of the data source {token}: {value!r}",
                "omit the argument, or evaluate it in embedded_cloud/providers/aws/functions.py",
            )
    return function(aws, args)
