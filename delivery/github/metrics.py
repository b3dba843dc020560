"""What a deployment adds to the platform's own figures: how often, how long from commit to production, how it went."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError  # pyright: ignore[reportMissingTypeStubs]

from delivery.clients import aws
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
        aws.client("cloudwatch", region, os.environ).put_metric_data(Namespace=NAMESPACE, MetricData=data)
    except (BotoCoreError, ClientError) as error:
        raise MetricsError(
            f"CloudWatch did not take the figures of {environment}: {error}", "check the role's permissions"
        ) from error
