"""Records delivery metrics in CloudWatch: deployments by outcome, and the lead time from commit to deployment."""

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
    """CloudWatch rejected the metrics or did not answer."""


def record(environment: str, outcome: Outcome, committed: datetime, region: str, now: datetime | None = None) -> None:
    """Record one deployment in CloudWatch: ``Deployments`` by outcome, and ``LeadTimeSeconds`` after a success.

    Raises ``MetricsError`` if CloudWatch rejects the metrics or does not answer.
    """
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
        problem = f"CloudWatch did not record the metrics of {environment}: {error}"
        raise MetricsError(problem, "check the role's permissions and the network") from error
