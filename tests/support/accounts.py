"""An environment as far as AWS is concerned, on an endpoint of the test's own."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import boto3

REGION = "us-east-1"


@cache
def client(service: str, endpoint: str, region: str) -> Any:
    """Made once per test session: each takes a tenth of a second."""
    return boto3.client(service, endpoint_url=endpoint, region_name=region, aws_access_key_id="test", aws_secret_access_key="test")


@dataclass
class Account:
    """What :class:`delivery.clients.access.Access` asks for, on ``endpoint``."""

    endpoint: str
    name: str = field(default_factory=lambda: f"env-{uuid.uuid4().hex[:8]}")
    region: str = REGION

    def output(self, component: str, name: str) -> Any:
        """The stack's outputs, as far as there are any."""
        return {("artifacts", "bucketName"): f"artifacts-{self.name}"}[component, name]

    def aws(self, service: str) -> Any:
        """A client of the endpoint."""
        return client(service, self.endpoint, self.region)
