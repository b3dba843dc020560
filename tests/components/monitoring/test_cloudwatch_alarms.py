"""CloudWatch alarms: their metrics, objectives and recipients."""

from __future__ import annotations

import json
from typing import Any

import pytest
from recording import Graph, run_platform, stack_config

from components.monitoring.alerts import HIGH_ERROR_RATE, HIGH_LATENCY
from components.monitoring.objectives import MINIMUM_REQUESTS

STACKS = ("local", "staging", "production")


@pytest.fixture(params=STACKS)
def stack(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def graph(stack: str) -> Graph:
    return run_platform(stack)


def alarms(graph: Graph) -> dict[str, dict[str, Any]]:
    return {each.name.removeprefix("dwcp-v3-"): each.inputs for each in graph.of("MetricAlarm")}


def test_the_load_balancer_and_every_nat_gateway_have_alarms(graph: Graph) -> None:
    zones = {each.name.removeprefix("dwcp-v3-nat-") for each in graph.of("NatGateway")}
    assert alarms(graph).keys() == {
        *("high-error-rate", "high-latency", "unhealthy-targets-stable", "unhealthy-targets-canary"),
        *(f"nat-{what}-{zone}" for what in ("ports", "drops") for zone in zones),
    }


def test_thresholds_are_those_of_the_objectives(graph: Graph) -> None:
    found = alarms(graph)
    assert found["high-error-rate"]["threshold"] == HIGH_ERROR_RATE.threshold * 100
    text = "More than 5 % of the requests to the load balancer get a 5xx response."  # a response is counted, also of a target
    assert found["high-error-rate"]["alarmDescription"] == text
    assert found["high-latency"]["threshold"] == HIGH_LATENCY.threshold
    assert found["high-latency"]["extendedStatistic"] == "p95"
    assert all(each["comparisonOperator"] == "GreaterThanThreshold" for each in found.values())


def test_the_error_ratio_requires_a_minimum_of_requests(graph: Graph) -> None:
    queries = {each["id"]: each for each in alarms(graph)["high-error-rate"]["metricQueries"]}
    assert f" >= {MINIMUM_REQUESTS}," in queries["percent"]["expression"]
    assert [each["id"] for each in queries.values() if each.get("returnData")] == ["percent"]
    assert {each["metric"]["period"] for each in queries.values() if "metric" in each} == {HIGH_ERROR_RATE.window_seconds}


@pytest.mark.parametrize(
    ("requests", "target", "own", "fires"),
    [
        (None, None, 1000, True),
        (1000, None, 1000, True),
        (1000, 60, None, True),
        (1000, 40, None, False),
        (1000, None, None, False),
        (None, None, 99, False),
        (None, None, None, False),
    ],
    ids=["no target is registered", "own 502", "failing targets", "few failures", "healthy", "too few requests", "no traffic"],
)
def test_the_error_alarm_needs_no_registered_target(requests: int | None, target: int | None, own: int | None, fires: bool) -> None:
    """Evaluate the alarm's expression; ``None`` is a metric that was not published in the window."""
    alarm = alarms(run_platform("production"))["high-error-rate"]
    expression = next(each["expression"] for each in alarm["metricQueries"] if each["id"] == "percent")
    functions = {
        "FILL": lambda value, default: default if value is None else value,
        "IF": lambda condition, yes, no: yes if condition else no,
    }
    try:
        percent = eval(expression, functions, {"requests": requests, "target": target, "own": own})
    except (TypeError, ZeroDivisionError):  # an operation on a missing value has no value, as in CloudWatch
        percent = None
    assert (percent is not None and percent > alarm["threshold"]) is fires


def test_every_alarm_notifies_when_it_begins_and_ends(graph: Graph) -> None:
    topic = "arn:aws:mock:us-east-1:123456789012:dwcp-v3-alarms"
    for alarm in alarms(graph).values():
        assert alarm["alarmActions"] == alarm["okActions"] == [topic]
        assert alarm["treatMissingData"] == "notBreaching"


def test_the_topic_is_encrypted_and_cloudwatch_of_this_account_may_publish(graph: Graph, stack: str) -> None:
    account = "123456789012" if stack == "local" else stack_config(stack)["dwcp-v3:cluster"]["ciRoleArn"].split(":")[4]
    assert graph.one("aws:sns/topic:Topic")["kmsMasterKeyId"] == "dwcp-v3-alarms-key"
    [publishing] = json.loads(graph.one("TopicPolicy")["policy"])["Statement"]
    assert (publishing["Principal"], publishing["Action"]) == ({"Service": "cloudwatch.amazonaws.com"}, ["sns:Publish"])
    assert publishing["Condition"] == {"StringEquals": {"aws:SourceAccount": account}}
    _, using = json.loads(graph.one("aws:kms/key:Key", "dwcp-v3-alarms")["policy"])["Statement"]
    assert using["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert "kms:GenerateDataKey*" in using["Action"]


def test_alarms_are_mailed_to_the_configured_addresses() -> None:
    [subscription] = [each.inputs for each in run_platform("production").of("TopicSubscription")]
    assert (subscription["protocol"], subscription["endpoint"]) == ("email", "dwcp-oncall@example.com")
    assert run_platform("staging", monitoring={"alarms": "none"}).of("TopicSubscription") == []
