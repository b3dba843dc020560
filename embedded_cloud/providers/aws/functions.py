"""The data sources that the program asks."""

from __future__ import annotations

from embedded_cloud.errors import EmbeddedCloudError
from embedded_cloud.providers.aws.session import Aws
from embedded_cloud.providers.aws.values import Properties


def caller_identity(aws: Aws, args: Properties) -> Properties:
    """Whose credentials these are."""
    identity = aws.client("sts").get_caller_identity()
    account = identity["Account"]
    return {"accountId": account, "arn": identity["Arn"], "userId": identity["UserId"], "id": account}


def zone(aws: Aws, args: Properties) -> Properties:
    """The public hosted zone of a name."""
    name = args["name"].rstrip(".")
    for found in aws.client("route53").list_hosted_zones_by_name(DNSName=name)["HostedZones"]:
        if found["Name"].rstrip(".") == name:
            id = found["Id"].rsplit("/", 1)[-1]
            return {"name": name, "zoneId": id, "id": id, "arn": f"arn:aws:route53:::hostedzone/{id}"}
    raise EmbeddedCloudError(f"no hosted zone {name} in Route 53", "create the zone first, or correct the name")


FUNCTIONS = {
    "aws:index/getCallerIdentity:getCallerIdentity": caller_identity,
    "aws:route53/getZone:getZone": zone,
}
