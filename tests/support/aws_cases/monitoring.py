"""Cases of the types for alarms and their SNS topic."""

from __future__ import annotations

from aws_cases.world import NUMBERS, Case, Properties, World, ids, policy, tags

TAGS = {"Name": "x"}
MORE = {"Name": "y", "tier": "z"}


def topic_policy_document(service: str) -> str:
    return policy("sns:Publish", {"Service": service}).replace("}]", ', "Resource": "*"}]')


def topic(world: World, id: str) -> Properties:
    sns = world.boto("sns")
    found = sns.get_topic_attributes(TopicArn=id)["Attributes"]
    return {
        **{"name": id.rpartition(":")[2], "displayName": found["DisplayName"], "kmsMasterKeyId": found["KmsMasterKeyId"]},
        "tags": tags(sns.list_tags_for_resource(ResourceArn=id)["Tags"]),
    }


def topic_drift(world: World, id: str) -> Properties:
    world.boto("sns").set_topic_attributes(TopicArn=id, AttributeName="DisplayName", AttributeValue="by hand")
    return {"displayName": "by hand"}


def topic_policy(world: World, id: str) -> Properties:
    return {"arn": id, "policy": world.boto("sns").get_topic_attributes(TopicArn=id)["Attributes"]["Policy"]}


def topic_policy_drift(world: World, id: str) -> Properties:
    other = topic_policy_document("events.amazonaws.com")
    world.boto("sns").set_topic_attributes(TopicArn=id, AttributeName="Policy", AttributeValue=other)
    return {"policy": other}


def alarm(world: World, id: str) -> Properties:
    cloudwatch = world.boto("cloudwatch")
    [found] = cloudwatch.describe_alarms(AlarmNames=[id])["MetricAlarms"]
    queries = [
        {
            **{"id": each["Id"], "metric": stat(each["MetricStat"])},
            **({"returnData": True} if each["ReturnData"] else {}),
        }
        if "MetricStat" in each
        else {"id": each["Id"], "expression": each["Expression"], "label": each["Label"], "returnData": each["ReturnData"]}
        for each in found.get("Metrics", [])
    ]
    plain = ("AlarmDescription", "ComparisonOperator", "Threshold", "EvaluationPeriods", "TreatMissingData", "ActionsEnabled")
    more = ("Namespace", "MetricName", "Statistic", "Period", "DatapointsToAlarm")
    return {
        "name": found["AlarmName"],
        **{f"{key[0].lower()}{key[1:]}": found[key] for key in (*plain, *more) if found.get(key) is not None},
        **({"extendedStatistic": found["ExtendedStatistic"]} if found.get("ExtendedStatistic") else {}),
        **({"evaluateLowSampleCountPercentiles": low} if (low := found.get("EvaluateLowSampleCountPercentile")) else {}),
        **({"dimensions": pairs(found["Dimensions"])} if found.get("Dimensions") else {}),
        **({"metricQueries": queries} if queries else {}),
        **{"alarmActions": found["AlarmActions"], "okActions": found["OKActions"]},
        "insufficientDataActions": found["InsufficientDataActions"],
        "tags": tags(cloudwatch.list_tags_for_resource(ResourceARN=found["AlarmArn"])["Tags"]),
    }


def pairs(listed: list[dict[str, str]]) -> dict[str, str]:
    return {each["Name"]: each["Value"] for each in listed}


def stat(described: Properties) -> Properties:
    metric = described["Metric"]
    return {
        **{"namespace": metric["Namespace"], "metricName": metric["MetricName"], "dimensions": pairs(metric["Dimensions"])},
        **{"period": described["Period"], "stat": described["Stat"]},
    }


def actions(world: World) -> Properties:
    arn = world.shared("topic", "aws:sns/topic:Topic").id
    return {"alarmActions": [arn], "okActions": [arn], "insufficientDataActions": [arn]}


def common(world: World) -> Properties:
    return {
        **{"name": f"alarm-{next(NUMBERS)}", "alarmDescription": "x", "comparisonOperator": "GreaterThanThreshold"},
        **{"threshold": 5.5, "evaluationPeriods": 2, "treatMissingData": "notBreaching", "actionsEnabled": True},
        **{"tags": TAGS, **actions(world)},
    }


def common_updates(world: World) -> Properties:
    """New values for the common inputs that change in place."""
    return {
        **{"alarmDescription": "y", "comparisonOperator": "LessThanThreshold", "threshold": 7.0, "evaluationPeriods": 3},
        **{"treatMissingData": "breaching", "actionsEnabled": False, "tags": MORE},
        **{name: [world.make("aws:sns/topic:Topic").id] for name in actions(world)},
    }


def query(id: str, metric: str) -> Properties:
    where = {"namespace": "AWS/ApplicationELB", "dimensions": {"LoadBalancer": "app/x/1"}}
    return {"id": id, "metric": {**where, "metricName": metric, "period": 300, "stat": "Sum"}}


def alarm_drift(world: World, id: str) -> Properties:
    cloudwatch = world.boto("cloudwatch")
    [found] = cloudwatch.describe_alarms(AlarmNames=[id])["MetricAlarms"]
    kept = ("AlarmName", "AlarmDescription", "ComparisonOperator", "EvaluationPeriods", "TreatMissingData", "ActionsEnabled")
    more = ("Namespace", "MetricName", "Dimensions", "Period", "Statistic", "ExtendedStatistic", "Metrics", "DatapointsToAlarm")
    every = (*kept, *more, "AlarmActions", "OKActions", "InsufficientDataActions", "EvaluateLowSampleCountPercentile")
    cloudwatch.put_metric_alarm(**{key: found[key] for key in every if found.get(key)}, Threshold=99.0)
    return {"threshold": 99.0}


def subscription(world: World, id: str) -> Properties:
    found = world.boto("sns").get_subscription_attributes(SubscriptionArn=id)["Attributes"]
    return {"topic": found["TopicArn"], "protocol": found["Protocol"], "endpoint": found["Endpoint"]}


def subscription_drift(world: World, id: str) -> Properties:
    world.boto("sns").unsubscribe(SubscriptionArn=id)
    return {}


CASES = (
    Case(
        token="aws:sns/topic:Topic",
        listed=lambda boto: ids(boto("sns").list_topics()["Topics"], "TopicArn"),
        inputs=lambda world: {
            **{"name": f"topic-{next(NUMBERS)}", "displayName": "x", "kmsMasterKeyId": world.key().id},
            "tags": TAGS,
        },
        described=topic,
        updates=lambda world: {"displayName": "y", "kmsMasterKeyId": world.key("other key").id, "tags": MORE},
        drift=topic_drift,
    ),
    Case(
        token="aws:sns/topicSubscription:TopicSubscription",
        inputs=lambda world: {
            **{"topic": world.make("aws:sns/topic:Topic").id, "protocol": "email", "endpoint": "operator@example.com"},
        },
        described=subscription,
        drift=subscription_drift,
    ),
    Case(
        token="aws:sns/topicPolicy:TopicPolicy",
        inputs=lambda world: {
            "arn": world.make("aws:sns/topic:Topic").id,
            "policy": topic_policy_document("cloudwatch.amazonaws.com"),
        },
        described=topic_policy,
        updates=lambda _: {"policy": topic_policy_document("s3.amazonaws.com")},
        drift=topic_policy_drift,
        stays=True,
    ),
    Case(
        token="aws:cloudwatch/metricAlarm:MetricAlarm",
        listed=lambda boto: ids(boto("cloudwatch").describe_alarms()["MetricAlarms"], "AlarmName"),
        inputs=lambda world: {
            **common(world),
            **{"namespace": "AWS/NATGateway", "metricName": "ErrorPortAllocation", "dimensions": {"NatGatewayId": "nat-1"}},
            **{"statistic": "Sum", "period": 300, "datapointsToAlarm": 1},
        },
        described=alarm,
        updates=lambda world: {
            **common_updates(world),
            **{"namespace": "AWS/Other", "metricName": "Other", "dimensions": {"NatGatewayId": "nat-2"}},
            **{"statistic": "Maximum", "period": 60, "datapointsToAlarm": 2},
        },
        drift=alarm_drift,
    ),
    Case(
        token="aws:cloudwatch/metricAlarm:MetricAlarm",
        listed=lambda boto: ids(boto("cloudwatch").describe_alarms()["MetricAlarms"], "AlarmName"),
        inputs=lambda world: {
            **common(world),
            "metricQueries": [
                {"id": "percent", "expression": "100 * errors / requests", "label": "percent", "returnData": True},
                query("errors", "HTTPCode_ELB_5XX_Count"),
                query("requests", "RequestCount"),
            ],
        },
        described=alarm,
        updates=lambda world: {
            **common_updates(world),
            "metricQueries": [
                {"id": "percent", "expression": "errors", "label": "percent", "returnData": True},
                query("errors", "HTTPCode_Target_5XX_Count"),
            ],
        },
        drift=alarm_drift,
    ),
    Case(
        token="aws:cloudwatch/metricAlarm:MetricAlarm",
        listed=lambda boto: ids(boto("cloudwatch").describe_alarms()["MetricAlarms"], "AlarmName"),
        inputs=lambda world: {
            **common(world),
            **{"namespace": "AWS/ApplicationELB", "metricName": "TargetResponseTime", "dimensions": {"LoadBalancer": "app/x/1"}},
            **{"extendedStatistic": "p95", "period": 300, "evaluateLowSampleCountPercentiles": "ignore"},
        },
        described=alarm,
        updates=lambda world: {**common_updates(world), "extendedStatistic": "p99"},
        drift=alarm_drift,
    ),
)
