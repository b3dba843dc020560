"""A provider of the tests' own account."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from embedded_cloud.providers.aws.creations import AwsCreations
from embedded_cloud.providers.aws.provider import AwsPlugin


@pytest.fixture(scope="module")
def plugin(moto: str) -> Iterator[AwsPlugin]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"AWS_ENDPOINT_URL": moto, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}.items():
            patch.setenv(name, value)
        for name in ("begin", "made", "known", "left"):  # no test kills a provider here, and recording is half of the calls
            patch.setattr(AwsCreations, name, lambda *_, **__: None)
        plugin = AwsPlugin()
        plugin.configure({"region": "us-east-1", "defaultTags": json.dumps({"tags": {"project": "test"}})})
        yield plugin
