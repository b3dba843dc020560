"""A rule that no longer forwards to the stack's two target groups: the printed command restores it."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from accounts import Account

from delivery.clients.load_balancer import LoadBalancerError, WeightedRule, Weights

FIXED_RESPONSE = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503", "ContentType": "text/plain"}}]


@dataclass(frozen=True, kw_only=True)
class Balanced(Account):
    """An environment with a load balancer."""

    balancer: dict[str, str]

    def output(self, component: str, name: str) -> Any:
        return self.balancer[name]


def balanced(endpoint: str) -> Balanced:
    """An environment with a load balancer, a listener, and one rule that forwards to two target groups."""
    account = Account(endpoint=endpoint)
    elb, vpc = account.aws("elbv2"), account.aws("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]
    subnets = [each["SubnetId"] for each in account.aws("ec2").describe_subnets()["Subnets"][:2]]
    balancer = elb.create_load_balancer(Name=account.name, Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
    made = [elb.create_target_group(Name=f"{account.name}-{each}", Protocol="HTTP", Port=80, VpcId=vpc) for each in ("a", "b")]
    stable, canary = (each["TargetGroups"][0]["TargetGroupArn"] for each in made)
    listeners = elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=FIXED_RESPONSE)
    rules = elb.create_rule(
        ListenerArn=listeners["Listeners"][0]["ListenerArn"],
        Priority=1,
        Conditions=[{"Field": "host-header", "Values": ["example.com"]}],
        Actions=forwarding(**{stable: 90, canary: 10}),
    )
    outputs = {"ruleArn": rules["Rules"][0]["RuleArn"], "stableTargetGroupArn": stable, "canaryTargetGroupArn": canary}
    return Balanced(endpoint=endpoint, name=account.name, balancer=outputs)


def forwarding(**weights: int) -> list[dict[str, Any]]:
    groups = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in weights.items()]
    return [{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}]


@pytest.mark.parametrize("wrong", ["fixed response", "other groups"])
def test_the_printed_command_sends_all_requests_to_the_stable_track(aws_endpoint: str, wrong: str) -> None:
    environment = balanced(aws_endpoint)
    rule = WeightedRule(environment)
    assert rule.weights() == Weights(stable=90, canary=10)
    actions = FIXED_RESPONSE if wrong == "fixed response" else forwarding(**{environment.balancer["canaryTargetGroupArn"]: 1})
    environment.aws("elbv2").modify_rule(RuleArn=environment.balancer["ruleArn"], Actions=actions)

    with pytest.raises(LoadBalancerError) as raised:
        rule.weights()

    program, *arguments = shlex.split(raised.value.fix)
    keys = {"AWS_ENDPOINT_URL": aws_endpoint, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    subprocess.run(
        [Path(sys.executable).with_name(program), *arguments], check=True, capture_output=True, env={**os.environ, **keys}
    )
    assert rule.weights() == Weights(stable=100, canary=0)
