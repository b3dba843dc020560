"""Buckets of the embedded cloud: what they keep."""

from __future__ import annotations

import boto3

from embedded_cloud.front.buckets import VERSIONS


def test_a_versioned_bucket_keeps_the_last_versions_of_an_object_only(moto: str) -> None:
    """An engine that writes its state for a day does not fill the memory, and the last versions can still be read."""
    s3 = boto3.client("s3", endpoint_url=moto, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    s3.create_bucket(Bucket="kept")
    s3.put_bucket_versioning(Bucket="kept", VersioningConfiguration={"Status": "Enabled"})
    written = [s3.put_object(Bucket="kept", Key="state", Body=f"{number}")["VersionId"] for number in range(VERSIONS + 5)]

    kept = [each["VersionId"] for each in s3.list_object_versions(Bucket="kept", Prefix="state")["Versions"]]

    assert sorted(kept) == sorted(written[5:])
    assert s3.get_object(Bucket="kept", Key="state", VersionId=written[5])["Body"].read() == b"5"
    assert s3.get_object(Bucket="kept", Key="state")["Body"].read() == str(VERSIONS + 4).encode()
