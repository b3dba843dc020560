"""What a deployment adds to the platform's own figures: how often, how long from commit to production, how it went."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import boto3  # pyright: ignore[reportMissingTypeStubs]
from botocore.exceptions import BotoCoreError, ClientError  # pyright: ignore[reportMissingTypeStubs]

from delivery.errors import DeliveryError
from delivery.github.recovery import Outcome

NAMESPACE = "DWCP/Delivery"


class MetricsError(DeliveryError):
    """CloudWatch did not take the figures."""


def record(environment: str, outcome: Outcome, committed: datetime, region: str, now: datetime | None = None) -> None:
    """Put one deployment into CloudWatch: ``Deployments`` by outcome, and ``LeadTimeSeconds`` of one that succeeded."""
    dimensions = [{"Name": "Environment", "Value": environment}]
    data: list[dict[str, Any]] = [
        {
            "MetricName": "Deployments",
            "Dimensions": [*dimensions, {"Name": "Outcome", "Value": outcome}],
            "Value": 1,
            "Unit": "Count",
        }
    ]
    if outcome == "success":
        seconds = max(0.0, ((now or datetime.now(UTC)) - committed).total_seconds())
        data.append({"MetricName": "LeadTimeSeconds", "Dimensions": dimensions, "Value": seconds, "Unit": "Seconds"})
    try:
        client = cast(Any, boto3).client("cloudwatch", region_name=region)
        client.put_metric_data(Namespace=NAMESPACE, MetricData=data)
    except (BotoCoreError, ClientError) as error:
        raise MetricsError(
            f"CloudWatch did not take the figures of {environment}: {error}", "check the role's permissions"
        ) from error
