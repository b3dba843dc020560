"""CloudWatch alarms on the load balancer and the NAT gateways, and the SNS topic to which the alarms are published.

Sources: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html and
https://docs.aws.amazon.com/vpc/latest/userguide/metrics-dimensions-nat-gateway.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
from pulumi import InvokeOptions, ResourceOptions
from pulumi_aws.cloudwatch import MetricAlarm, MetricAlarmMetricQueryArgs, MetricAlarmMetricQueryMetricArgs

from components.aws.iam import Statement, document
from components.aws.load_balancer import LoadBalancer
from components.aws.network import Network
from components.component import Component
from components.monitoring.alerts import HIGH_ERROR_RATE, HIGH_LATENCY, REPLICA_MISMATCH
from components.monitoring.objectives import MINIMUM_REQUESTS, MINUTE, NAT_DROPPED_PERCENT, NAT_PORT_ERRORS
from components.monitoring.promql import QUANTILE
from components.settings import MonitoringSettings

BALANCER_METRICS = "AWS/ApplicationELB"
NAT_METRICS = "AWS/NATGateway"
ERROR_PERCENT = round(HIGH_ERROR_RATE.threshold * 100, 10)
KEY_DELETION_WINDOW_DAYS = 30

Dimensions = Mapping[str, pulumi.Input[str]]


@dataclass(frozen=True, kw_only=True)
class AlarmsArgs:
    """Inputs of :class:`Alarms`."""

    settings: MonitoringSettings
    network: Network
    load_balancer: LoadBalancer


class Alarms(Component):
    """Alarms on the load balancer and the NAT gateways. They also work while the cluster or its Prometheus is down."""

    topic_arn: pulumi.Output[str]
    """ARN of the SNS topic on which alarms are published; other receivers can subscribe to this topic."""

    def __init__(self, name: str, args: AlarmsArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        self._name = name
        self._child = ResourceOptions(parent=self)
        self.topic_arn = self._topic(args)
        balancer = {"LoadBalancer": args.load_balancer.load_balancer_arn.apply(_balancer_dimension)}
        self._error_rate(balancer)
        self._latency(balancer)
        groups = {
            "stable": args.load_balancer.stable_target_group_arn,
            "canary": args.load_balancer.canary_target_group_arn,
        }
        for track, arn in groups.items():
            self._unhealthy_targets(track, {**balancer, "TargetGroup": arn.apply(_resource_part)})
        for zone, gateway in args.network.nat_gateway_ids.items():
            self._nat_gateway(zone, {"NatGatewayId": gateway})
        self.publish()

    def _topic(self, args: AlarmsArgs) -> pulumi.Output[str]:
        """Create the topic and return its ARN. CloudWatch cannot use the AWS managed key, so the topic has a separate key."""
        name = f"{self._name}-alarms"
        account = aws.get_caller_identity_output(opts=InvokeOptions(parent=self)).account_id
        key = aws.kms.Key(
            name,
            description=f"Encrypts the alarms of {self._name}",
            enable_key_rotation=True,
            deletion_window_in_days=KEY_DELETION_WINDOW_DAYS,
            policy=_key_policy(account),
            opts=self._child,
        )
        topic = aws.sns.Topic(name, kms_master_key_id=key.key_id, opts=self._child)
        publishing = Statement(
            actions=["sns:Publish"],
            resources=[topic.arn],
            principals={"Service": "cloudwatch.amazonaws.com"},
            conditions={"StringEquals": {"aws:SourceAccount": account}},
        )
        aws.sns.TopicPolicy(name, arn=topic.arn, policy=document(publishing), opts=self._child)
        for address in args.settings.alarm_emails if args.settings.alarms == "email" else ():
            aws.sns.TopicSubscription(f"{name}-{address}", topic=topic.arn, protocol="email", endpoint=address, opts=self._child)
        return topic.arn

    def _error_rate(self, balancer: Dimensions) -> None:
        """Create the alarm on the percentage of requests with a 5xx response, from the load balancer or a target.

        Windows with fewer than ``MINIMUM_REQUESTS`` requests count as 0 %.
        """
        # RequestCount excludes requests for which the load balancer found no target. Without a registered target, CloudWatch gets
        # no RequestCount at all. So the total also contains the load balancer's own 5xx responses. If the load balancer
        # chose a target and then answered itself (for example with 502), both counts contain the request: 5 failed requests of 100
        # are measured as 5 of 105 (4.8 %).
        counts = {
            "target": "HTTPCode_Target_5XX_Count",
            "own": "HTTPCode_ELB_5XX_Count",
            "requests": "RequestCount",
        }
        failed, total = "(FILL(target, 0) + FILL(own, 0))", "(FILL(requests, 0) + FILL(own, 0))"
        ratio = f"IF({total} >= {MINIMUM_REQUESTS}, 100 * {failed} / {total}, 0)"
        self._alarm(
            "high-error-rate",
            f"More than {ERROR_PERCENT:g} % of the requests to the load balancer get a 5xx response.",
            ERROR_PERCENT,
            evaluation_periods=HIGH_ERROR_RATE.for_seconds // HIGH_ERROR_RATE.window_seconds,
            metric_queries=_math(ratio, BALANCER_METRICS, counts, balancer, HIGH_ERROR_RATE.window_seconds),
        )

    def _latency(self, balancer: Dimensions) -> None:
        self._alarm(
            "high-latency",
            f"P{QUANTILE * 100:g} of the targets' response time is above {HIGH_LATENCY.threshold:g} s.",
            HIGH_LATENCY.threshold,
            evaluation_periods=HIGH_LATENCY.for_seconds // HIGH_LATENCY.window_seconds,
            namespace=BALANCER_METRICS,
            metric_name="TargetResponseTime",
            dimensions=balancer,
            extended_statistic=f"p{QUANTILE * 100:g}",
            # A percentile of few requests is meaningless.
            evaluate_low_sample_count_percentiles="ignore",
            period=HIGH_LATENCY.window_seconds,
        )

    def _unhealthy_targets(self, track: str, group: Dimensions) -> None:
        self._alarm(
            f"unhealthy-targets-{track}",
            f"Targets of the {track} track fail their health check.",
            REPLICA_MISMATCH.threshold,
            evaluation_periods=REPLICA_MISMATCH.for_seconds // MINUTE,
            namespace=BALANCER_METRICS,
            metric_name="UnHealthyHostCount",
            dimensions=group,
            statistic="Maximum",
            period=MINUTE,
        )

    def _nat_gateway(self, zone: str, gateway: Dimensions) -> None:
        window = HIGH_ERROR_RATE.window_seconds
        self._alarm(
            f"nat-ports-{zone}",
            f"The NAT gateway of zone {zone} had no port left for a connection.",
            NAT_PORT_ERRORS,
            evaluation_periods=1,
            namespace=NAT_METRICS,
            metric_name="ErrorPortAllocation",
            dimensions=gateway,
            statistic="Sum",
            period=window,
        )
        counts = {
            "dropped": "PacketsDropCount",
            "sent": "PacketsInFromSource",
            "received": "PacketsInFromDestination",
        }
        self._alarm(
            f"nat-drops-{zone}",
            f"The NAT gateway of zone {zone} drops more than {NAT_DROPPED_PERCENT} % of its packets.",
            NAT_DROPPED_PERCENT,
            evaluation_periods=1,
            metric_queries=_math("100 * dropped / (sent + received)", NAT_METRICS, counts, gateway, window),
        )

    def _alarm(
        self,
        suffix: str,
        description: str,
        threshold: float,
        *,
        evaluation_periods: int,
        namespace: str | None = None,
        metric_name: str | None = None,
        dimensions: Dimensions | None = None,
        statistic: str | None = None,
        extended_statistic: str | None = None,
        evaluate_low_sample_count_percentiles: str | None = None,
        period: int | None = None,
        metric_queries: list[MetricAlarmMetricQueryArgs] | None = None,
    ) -> None:
        MetricAlarm(
            f"{self._name}-{suffix}",
            alarm_description=description,
            comparison_operator="GreaterThanThreshold",
            threshold=threshold,
            evaluation_periods=evaluation_periods,
            namespace=namespace,
            metric_name=metric_name,
            dimensions=None if dimensions is None else dict(dimensions),
            statistic=statistic,
            extended_statistic=extended_statistic,
            evaluate_low_sample_count_percentiles=evaluate_low_sample_count_percentiles,
            period=period,
            metric_queries=metric_queries,
            # Missing data means that there are no requests or targets, which is not a failure. Prometheus alerts fire if the
            # service's metrics are missing.
            treat_missing_data="notBreaching",
            alarm_actions=[self.topic_arn],
            ok_actions=[self.topic_arn],
            opts=self._child,
        )


def _math(
    expression: str, namespace: str, metrics: Mapping[str, str], dimensions: Dimensions, period: int
) -> list[MetricAlarmMetricQueryArgs]:
    """The metric queries for ``expression``, which refers to the sums of ``metrics`` by their keys."""
    sums = [
        MetricAlarmMetricQueryArgs(
            id=id,
            metric=MetricAlarmMetricQueryMetricArgs(
                namespace=namespace, metric_name=metric, dimensions=dict(dimensions), period=period, stat="Sum"
            ),
        )
        for id, metric in metrics.items()
    ]
    return [MetricAlarmMetricQueryArgs(id="percent", expression=expression, label="percent", return_data=True), *sums]


def _key_policy(account: pulumi.Input[str]) -> pulumi.Output[str]:
    """The policy of the topic's key (AWS: "Setting up Amazon SNS notifications", encrypted topics)."""
    return document(
        Statement(actions=["kms:*"], resources=["*"], principals={"AWS": pulumi.Output.concat("arn:aws:iam::", account, ":root")}),
        Statement(
            actions=["kms:Decrypt", "kms:GenerateDataKey*"],
            resources=["*"],
            principals={"Service": "cloudwatch.amazonaws.com"},
            conditions={"StringEquals": {"aws:SourceAccount": account}},
        ),
    )


def _resource_part(arn: str) -> str:
    """CloudWatch's dimension value for a target group: ``targetgroup/NAME/ID``."""
    return arn.rpartition(":")[2]


def _balancer_dimension(arn: str) -> str:
    """CloudWatch's dimension value for a load balancer: ``app/NAME/ID``."""
    return _resource_part(arn).removeprefix("loadbalancer/")
