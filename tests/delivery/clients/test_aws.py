"""Settings of the AWS client that boto3 refuses."""

from __future__ import annotations

import pytest

from delivery.clients import aws
from delivery.errors import UsageError


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [("AWS_PROFILE", "no-such-profile", "no-such-profile"), ("AWS_ENDPOINT_URL", "foo", "Invalid endpoint: foo")],
)
def test_a_setting_that_boto3_refuses_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str) -> None:
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=said):
        aws.client("s3", "us-east-1", {name: value})
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
