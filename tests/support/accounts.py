"""An environment for one test, with its AWS resources at a given endpoint."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import boto3

from delivery.clients.environment import Environment

REGION = "us-east-1"


@cache
def client(service: str, endpoint: str, region: str) -> Any:
    """A client, created once per test session, because the creation takes a tenth of a second."""
    return boto3.client(service, endpoint_url=endpoint, region_name=region, aws_access_key_id="test", aws_secret_access_key="test")


@dataclass(frozen=True, kw_only=True)
class Account(Environment):
    """An environment whose AWS is at ``endpoint``. ``variables`` replaces the environment variables of the process."""

    endpoint: str
    name: Any = field(default_factory=lambda: f"env-{uuid.uuid4().hex[:8]}")
    region: str = REGION
    variables: Mapping[str, str] = field(default_factory=dict)

    def output(self, component: str, name: str) -> Any:
        return {("artifacts", "bucketName"): f"artifacts-{self.name}"}[component, name]

    def aws(self, service: str) -> Any:
        return client(service, self.endpoint, self.region)
