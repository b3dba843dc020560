"""CloudWatch log groups."""

from __future__ import annotations

from embedded_cloud.providers.aws._values import Properties, pick
from embedded_cloud.providers.aws.resource import TAGS, AwsResource, Tagging
from embedded_cloud.providers.modelled import names, properties


class LogGroup(AwsResource):
    """A log group. moto cannot change the key of an existing log group, so a new key replaces the log group."""

    token = "aws:cloudwatch/logGroup:LogGroup"
    service = "logs"
    replace_on = names("name kmsKeyId")
    set_by_update = names("retentionInDays")
    updatable = TAGS | set_by_update
    tagging = Tagging(resource="resourceArn", tags=lambda tags: {"tags": tags}, keys=lambda keys: {"tagKeys": keys})
    provider_only = names("skipDestroy")
    defaults = properties(retentionInDays=0, skipDestroy=False)
    auto_name = "name"

    def create(self, inputs: Properties) -> str:
        self.api.create_log_group(
            logGroupName=inputs["name"],
            **({"kmsKeyId": inputs["kmsKeyId"]} if "kmsKeyId" in inputs else {}),
            **({"tags": inputs["tagsAll"]} if inputs["tagsAll"] else {}),
        )
        return inputs["name"]

    def read(self, id: str) -> Properties | None:
        for group in self.api.describe_log_groups(logGroupNamePrefix=id)["logGroups"]:
            if group["logGroupName"] == id:
                arn = group["arn"].removesuffix(":*")
                tags = self.api.list_tags_for_resource(resourceArn=arn)["tags"]
                retention = group.get("retentionInDays", 0)
                return {"name": id, **pick(group, "kmsKeyId"), "retentionInDays": retention, "arn": arn, "tagsAll": tags}
        return None

    def update(self, id: str, old: Properties, new: Properties) -> None:
        if new["retentionInDays"]:
            self.api.put_retention_policy(logGroupName=id, retentionInDays=new["retentionInDays"])
        elif old.get("retentionInDays"):
            self.api.delete_retention_policy(logGroupName=id)

    def delete(self, id: str, inputs: Properties) -> None:
        if not inputs.get("skipDestroy"):
            self.api.delete_log_group(logGroupName=id)

    def tagged(self, id: str) -> str:
        return f"arn:aws:logs:{self.aws.region}:{self.aws.account}:log-group:{id}"
