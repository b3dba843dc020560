"""Encryption keys and their aliases."""

from __future__ import annotations

from embedded_cloud.providers.aws._values import Properties, given, json_text, pick
from embedded_cloud.providers.aws.resource import TAGS, AwsResource, Tagging
from embedded_cloud.providers.modelled import names, properties


class Key(AwsResource):
    """A key. Its deletion starts a waiting period; KMS deletes the key at the end of this period."""

    token = "aws:kms/key:Key"
    service = "kms"
    replace_on = names("keyUsage customerMasterKeySpec multiRegion")
    set_by_update = names("enableKeyRotation isEnabled")
    updatable = TAGS | set_by_update | names("description policy")
    tagging = Tagging(resource="KeyId", tags=lambda tags: {"Tags": _tag_list(tags)})
    provider_only = names("deletionWindowInDays")
    defaults = properties(
        keyUsage="ENCRYPT_DECRYPT",
        customerMasterKeySpec="SYMMETRIC_DEFAULT",
        multiRegion=False,
        enableKeyRotation=False,
        isEnabled=True,
    )

    def create(self, inputs: Properties) -> str:
        tags = _tag_list(inputs["tagsAll"])
        made = self.api.create_key(
            KeySpec=inputs["customerMasterKeySpec"], **given(inputs, "keyUsage", "multiRegion", "description", "policy"), Tags=tags
        )
        return made["KeyMetadata"]["KeyId"]

    def read(self, id: str) -> Properties | None:
        key = self.api.describe_key(KeyId=id)["KeyMetadata"]
        if key["KeyState"] == "PendingDeletion":
            return None
        return {
            **pick(key, "keyUsage", "customerMasterKeySpec", "multiRegion", "description", "arn", "keyId"),
            "isEnabled": key["Enabled"],
            "policy": self.api.get_key_policy(KeyId=id, PolicyName="default")["Policy"],
            "enableKeyRotation": self.api.get_key_rotation_status(KeyId=id)["KeyRotationEnabled"],
            "tagsAll": {tag["TagKey"]: tag["TagValue"] for tag in self.api.list_resource_tags(KeyId=id)["Tags"]},
        }

    def update(self, id: str, old: Properties, new: Properties) -> None:
        if new.get("description") != old.get("description"):
            self.api.update_key_description(KeyId=id, Description=new.get("description", ""))
        if new.get("policy") != old.get("policy"):
            default = {"Version": "2012-10-17", "Statement": [self._account_access()]}
            self.api.put_key_policy(KeyId=id, PolicyName="default", Policy=new.get("policy") or json_text(default))
        if new["isEnabled"] != old.get("isEnabled", True):
            (self.api.enable_key if new["isEnabled"] else self.api.disable_key)(KeyId=id)
        if new["enableKeyRotation"] != old.get("enableKeyRotation", False):
            (self.api.enable_key_rotation if new["enableKeyRotation"] else self.api.disable_key_rotation)(KeyId=id)

    def _account_access(self) -> Properties:
        principal = {"AWS": f"arn:aws:iam::{self.aws.account}:root"}
        return {"Sid": "Enable IAM User Permissions", "Effect": "Allow", "Principal": principal, "Action": "kms:*", "Resource": "*"}

    def delete(self, id: str, inputs: Properties) -> None:
        self.api.schedule_key_deletion(KeyId=id, PendingWindowInDays=inputs.get("deletionWindowInDays", 30))


def _tag_list(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"TagKey": key, "TagValue": value} for key, value in tags.items()]


class Alias(AwsResource):
    """An alias of a key."""

    token = "aws:kms/alias:Alias"
    service = "kms"
    replace_on = names("name")
    updatable = names("targetKeyId")

    def create(self, inputs: Properties) -> str:
        self.api.create_alias(AliasName=inputs["name"], TargetKeyId=inputs["targetKeyId"])
        return inputs["name"]

    def read(self, id: str) -> Properties | None:
        key = self.api.describe_key(KeyId=id)["KeyMetadata"]
        arn = key["Arn"].replace(f"key/{key['KeyId']}", id)
        return {"name": id, "targetKeyId": key["KeyId"], "targetKeyArn": key["Arn"], "arn": arn}

    def update(self, id: str, old: Properties, new: Properties) -> None:
        self.api.update_alias(AliasName=id, TargetKeyId=new["targetKeyId"])

    def delete(self, id: str, inputs: Properties) -> None:
        self.api.delete_alias(AliasName=id)
