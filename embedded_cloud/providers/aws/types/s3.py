"""Buckets and their settings; each setting is a separate resource."""

from __future__ import annotations

from typing import Any

from embedded_cloud.providers.aws._values import Properties, camel, pascal, tag_dict, tag_list
from embedded_cloud.providers.aws.resource import TAGS, AwsResource
from embedded_cloud.providers.aws.session import unless_absent
from embedded_cloud.providers.modelled import names, properties


class Bucket(AwsResource):
    """A bucket."""

    token = "aws:s3/bucket:Bucket"
    service = "s3"
    replace_on = names("bucket bucketPrefix")
    updatable = set_by_update = TAGS
    provider_only = names("forceDestroy bucketPrefix")
    defaults = properties(forceDestroy=False)
    auto_name = "bucket"
    name_limit = 63

    def create(self, inputs: Properties) -> str:
        # In us-east-1, and only there, the call must not contain a location.
        place = {} if self.aws.region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": self.aws.region}}
        self.api.create_bucket(Bucket=inputs["bucket"], **place)
        return inputs["bucket"]

    def read(self, id: str) -> Properties | None:
        self.api.head_bucket(Bucket=id)
        return {
            "bucket": id,
            "arn": f"arn:aws:s3:::{id}",
            "bucketDomainName": f"{id}.s3.amazonaws.com",
            "bucketRegionalDomainName": f"{id}.s3.{self.aws.region}.amazonaws.com",
            "tagsAll": self._tags(id),
        }

    def _tags(self, id: str) -> dict[str, str]:
        return unless_absent(lambda: tag_dict(self.api.get_bucket_tagging(Bucket=id)["TagSet"])) or {}

    def delete(self, id: str, inputs: Properties) -> None:
        if inputs.get("forceDestroy"):
            for page in self.api.get_paginator("list_object_versions").paginate(Bucket=id):
                for each in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                    self.api.delete_object(Bucket=id, Key=each["Key"], VersionId=each["VersionId"])
        self.api.delete_bucket(Bucket=id)

    def retag(self, id: str, changed: dict[str, str], removed: list[str]) -> None:
        """Set all tags again, because the API can only replace the whole set."""
        remaining = {key: value for key, value in self._tags(id).items() if key not in removed}
        self.api.put_bucket_tagging(Bucket=id, Tagging={"TagSet": tag_list({**remaining, **changed})})


class BucketSetting(AwsResource):
    """A setting of a bucket. Its id is the bucket's name. The same call creates and changes the setting."""

    service = "s3"
    replace_on = names("bucket")

    def create(self, inputs: Properties) -> str:
        self.update(inputs["bucket"], {}, inputs)
        return inputs["bucket"]


class BucketVersioning(BucketSetting):
    """The versioning of a bucket: whether the bucket keeps noncurrent versions.

    Deletion suspends versioning, because S3 cannot remove it.
    """

    token = "aws:s3/bucketVersioning:BucketVersioning"
    updatable = names("versioningConfiguration")

    def read(self, id: str) -> Properties | None:
        status = self.api.get_bucket_versioning(Bucket=id).get("Status")
        return status and {"bucket": id, "versioningConfiguration": {"status": status}}

    def update(self, id: str, old: Properties, new: Properties) -> None:
        self.api.put_bucket_versioning(Bucket=id, VersioningConfiguration=pascal(new["versioningConfiguration"]))

    def delete(self, id: str, inputs: Properties) -> None:
        self.api.put_bucket_versioning(Bucket=id, VersioningConfiguration={"Status": "Suspended"})


class BucketServerSideEncryptionConfiguration(BucketSetting):
    """The default encryption of a bucket."""

    token = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    updatable = names("rules")

    def read(self, id: str) -> Properties | None:
        rules = self.api.get_bucket_encryption(Bucket=id)["ServerSideEncryptionConfiguration"]["Rules"]
        return {"bucket": id, "rules": [self._from_rule(rule) for rule in rules]}

    def _from_rule(self, rule: dict[str, Any]) -> Properties:
        default = rule["ApplyServerSideEncryptionByDefault"]
        described = {"sseAlgorithm": default["SSEAlgorithm"], "kmsMasterKeyId": default.get("KMSMasterKeyID")}
        return {
            "applyServerSideEncryptionByDefault": {key: value for key, value in described.items() if value},
            "bucketKeyEnabled": rule.get("BucketKeyEnabled", False),
        }

    def update(self, id: str, old: Properties, new: Properties) -> None:
        rules: list[dict[str, Any]] = []
        for rule in new["rules"]:
            default = rule["applyServerSideEncryptionByDefault"]
            key = {"KMSMasterKeyID": default["kmsMasterKeyId"]} if default.get("kmsMasterKeyId") else {}
            made = {"SSEAlgorithm": default["sseAlgorithm"], **key}
            rules.append({"ApplyServerSideEncryptionByDefault": made, "BucketKeyEnabled": rule.get("bucketKeyEnabled", False)})
        self.api.put_bucket_encryption(Bucket=id, ServerSideEncryptionConfiguration={"Rules": rules})

    def delete(self, id: str, inputs: Properties) -> None:
        self.api.delete_bucket_encryption(Bucket=id)


class BucketPublicAccessBlock(BucketSetting):
    """The public access block of a bucket. Its four inputs make S3 refuse or ignore public ACLs and public policies."""

    token = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
    updatable = names("blockPublicAcls blockPublicPolicy ignorePublicAcls restrictPublicBuckets")
    defaults = properties(blockPublicAcls=False, blockPublicPolicy=False, ignorePublicAcls=False, restrictPublicBuckets=False)

    def read(self, id: str) -> Properties | None:
        return {"bucket": id, **camel(self.api.get_public_access_block(Bucket=id)["PublicAccessBlockConfiguration"])}

    def update(self, id: str, old: Properties, new: Properties) -> None:
        configuration = pascal({key: new[key] for key in self.updatable})
        self.api.put_public_access_block(Bucket=id, PublicAccessBlockConfiguration=configuration)

    def delete(self, id: str, inputs: Properties) -> None:
        self.api.delete_public_access_block(Bucket=id)


class BucketOwnershipControls(BucketSetting):
    """The setting that determines who owns the objects in a bucket: the bucket's owner, or the account that writes the object."""

    token = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
    updatable = names("rule")

    def read(self, id: str) -> Properties | None:
        [rule] = self.api.get_bucket_ownership_controls(Bucket=id)["OwnershipControls"]["Rules"]
        return {"bucket": id, "rule": camel(rule)}

    def update(self, id: str, old: Properties, new: Properties) -> None:
        self.api.put_bucket_ownership_controls(Bucket=id, OwnershipControls={"Rules": [pascal(new["rule"])]})

    def delete(self, id: str, inputs: Properties) -> None:
        self.api.delete_bucket_ownership_controls(Bucket=id)


class BucketLifecycleConfiguration(BucketSetting):
    """The rules by which objects move to cheaper storage or expire."""

    token = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
    updatable = names("rules")

    def read(self, id: str) -> Properties | None:
        rules = camel(self.api.get_bucket_lifecycle_configuration(Bucket=id)["Rules"])
        return {"bucket": id, "rules": [{"id": rule.pop("iD"), **rule} for rule in rules]}

    def update(self, id: str, old: Properties, new: Properties) -> None:
        rules = [
            {"ID": rule["id"], **pascal({key: value for key, value in rule.items() if key != "id"})}
            for rule in new.get("rules", [])
        ]
        self.api.put_bucket_lifecycle_configuration(Bucket=id, LifecycleConfiguration={"Rules": rules})

    def delete(self, id: str, inputs: Properties) -> None:
        self.api.delete_bucket_lifecycle(Bucket=id)


class BucketPolicy(BucketSetting):
    """The policy of a bucket."""

    token = "aws:s3/bucketPolicy:BucketPolicy"
    updatable = names("policy")

    def read(self, id: str) -> Properties | None:
        return {"bucket": id, "policy": self.api.get_bucket_policy(Bucket=id)["Policy"]}

    def update(self, id: str, old: Properties, new: Properties) -> None:
        self.api.put_bucket_policy(Bucket=id, Policy=new["policy"])

    def delete(self, id: str, inputs: Properties) -> None:
        self.api.delete_bucket_policy(Bucket=id)
