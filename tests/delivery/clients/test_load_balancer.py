"""A rule that no longer forwards to the stack's two target groups: the printed command restores it."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from accounts import Account

from delivery.clients.load_balancer import LoadBalancerError, WeightedRule, Weights

FIXED_RESPONSE = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503", "ContentType": "text/plain"}}]


class Balanced(Account):
    """An environment with a load balancer, a listener, and one rule that forwards to two target groups."""

    def __init__(self, endpoint: str) -> None:
        super().__init__(endpoint=endpoint)
        elb, vpc = self.aws("elbv2"), self.aws("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]
        subnets = [each["SubnetId"] for each in self.aws("ec2").describe_subnets()["Subnets"][:2]]
        balancer = elb.create_load_balancer(Name=self.name, Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
        groups = [
            elb.create_target_group(Name=f"{self.name}-{track}", Protocol="HTTP", Port=80, VpcId=vpc)["TargetGroups"][0]
            for track in ("stable", "canary")
        ]
        stable, canary = (each["TargetGroupArn"] for each in groups)
        listener = elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=FIXED_RESPONSE)[
            "Listeners"
        ][0]["ListenerArn"]
        rule = elb.create_rule(
            ListenerArn=listener,
            Priority=1,
            Conditions=[{"Field": "host-header", "Values": ["example.com"]}],
            Actions=forwarding(**{stable: 90, canary: 10}),
        )["Rules"][0]["RuleArn"]
        self.outputs = {"ruleArn": rule, "stableTargetGroupArn": stable, "canaryTargetGroupArn": canary}

    def output(self, component: str, name: str) -> Any:
        return self.outputs[name]


def forwarding(**weights: int) -> list[dict[str, Any]]:
    groups = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in weights.items()]
    return [{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}]


@pytest.mark.parametrize("wrong", ["fixed response", "other groups"])
def test_the_printed_command_sends_all_requests_to_the_stable_track(aws_endpoint: str, wrong: str) -> None:
    environment = Balanced(aws_endpoint)
    rule = WeightedRule(environment)
    assert rule.weights() == Weights(stable=90, canary=10)
    actions = FIXED_RESPONSE if wrong == "fixed response" else forwarding(**{environment.outputs["canaryTargetGroupArn"]: 1})
    environment.aws("elbv2").modify_rule(RuleArn=environment.outputs["ruleArn"], Actions=actions)

    with pytest.raises(LoadBalancerError) as raised:
        rule.weights()

    program, *arguments = shlex.split(raised.value.fix)
    keys = {"AWS_ENDPOINT_URL": aws_endpoint, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    subprocess.run(
        [Path(sys.executable).with_name(program), *arguments], check=True, capture_output=True, env={**os.environ, **keys}
    )
    assert rule.weights() == Weights(stable=100, canary=0)
