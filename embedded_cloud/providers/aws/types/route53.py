"""DNS records."""

from __future__ import annotations

from typing import Any

from embedded_cloud.providers.aws._values import Properties
from embedded_cloud.providers.aws.resource import AwsResource
from embedded_cloud.providers.modelled import names


class Record(AwsResource):
    """A record set; its id is ``ZONE_NAME_TYPE``, as in ``pulumi import``."""

    token = "aws:route53/record:Record"
    service = "route53"
    replace_on = names("zoneId name type")
    updatable = names("records ttl aliases")
    provider_only = names("allowOverwrite")

    def create(self, inputs: Properties) -> str:
        self._change("UPSERT" if inputs.get("allowOverwrite") else "CREATE", inputs["zoneId"], _record_set(inputs))
        return f"{inputs['zoneId']}_{inputs['name'].rstrip('.')}_{inputs['type']}"

    def read(self, id: str) -> Properties | None:
        found = self._find(id)
        if found is None:
            return None
        zone, name, kind = _parts(id)
        described: Properties = {"zoneId": zone, "name": name, "type": kind, "fqdn": name, "ttl": found.get("TTL")}
        if records := found.get("ResourceRecords"):
            described["records"] = [record["Value"] for record in records]
        if alias := found.get("AliasTarget"):
            target = {
                "name": alias["DNSName"],
                "zoneId": alias["HostedZoneId"],
                "evaluateTargetHealth": alias["EvaluateTargetHealth"],
            }
            described["aliases"] = [target]
        return described

    def update(self, id: str, old: Properties, new: Properties) -> None:
        self._change("UPSERT", new["zoneId"], _record_set(new))

    def delete(self, id: str, inputs: Properties) -> None:
        found = self._find(id)
        if found:
            self._change("DELETE", inputs["zoneId"], found)

    def _find(self, id: str) -> dict[str, Any] | None:
        zone, name, kind = _parts(id)
        found = self.api.list_resource_record_sets(HostedZoneId=zone, StartRecordName=name, StartRecordType=kind, MaxItems="1")
        for each in found["ResourceRecordSets"]:
            if each["Name"].rstrip(".") == name and each["Type"] == kind:
                return each
        return None

    def _change(self, action: str, zone: str, record_set: dict[str, Any]) -> None:
        self.api.change_resource_record_sets(
            HostedZoneId=zone, ChangeBatch={"Changes": [{"Action": action, "ResourceRecordSet": record_set}]}
        )

    def check(self, name: str, olds: Properties, news: Properties) -> Properties:
        """The inputs. As in the official provider, the record's name has no final dot."""
        inputs = super().check(name, olds, news)
        return {**inputs, "name": inputs["name"].rstrip(".")}


def _parts(id: str) -> tuple[str, str, str]:
    """Zone, name and type in an id. Only the name can contain underscores (``_abc.example.com``)."""
    zone, rest = id.split("_", 1)
    name, kind = rest.rsplit("_", 1)
    return zone, name, kind


def _record_set(inputs: Properties) -> dict[str, Any]:
    made: dict[str, Any] = {"Name": inputs["name"], "Type": inputs["type"]}
    if inputs.get("records"):
        made["ResourceRecords"] = [{"Value": record} for record in inputs["records"]]
    if "ttl" in inputs:
        made["TTL"] = inputs["ttl"]
    for alias in inputs.get("aliases", []):
        made["AliasTarget"] = {
            "DNSName": alias["name"],
            "HostedZoneId": alias["zoneId"],
            "EvaluateTargetHealth": alias["evaluateTargetHealth"],
        }
    return made
