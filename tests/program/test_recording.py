"""The recording mocks, on which most other tests depend."""

from typing import Any

import pulumi
import pytest
from pulumi import Output, ResourceOptions
from pulumi_aws import Provider, ec2
from recording import UNKNOWN, run

from program.errors import EvaluationError


def program() -> None:
    provider = Provider("aws", region="us-east-1")
    vpc = ec2.Vpc("vpc", cidr_block="10.0.0.0/16", opts=ResourceOptions(provider=provider))
    tags = {"Name": Output.secret("hidden")}
    ec2.Subnet("subnet", vpc_id=vpc.id, cidr_block="10.0.0.0/24", tags=tags, opts=ResourceOptions(provider=provider))
    pulumi.export("vpc", vpc.id)


def failing(value: str) -> str:
    raise ValueError(value)


def test_inputs_are_plain_data_and_secrets_are_marked() -> None:
    graph = run(program, {})
    assert graph.one("Subnet") == {"vpcId": "vpc-id", "cidrBlock": "10.0.0.0/24", "tags": {"Name": "hidden"}}
    assert {each.name: each.secret_paths for each in graph.resources if each.secrets} == {"subnet": (("tags", "Name"),)}
    assert graph.exports == {"vpc": "vpc-id"}


def test_values_that_a_provider_computes_are_unknown_in_a_preview() -> None:
    seen: list[Any] = []

    def previewed() -> None:
        vpc = ec2.Vpc("vpc", cidr_block="10.0.0.0/16", opts=ResourceOptions(provider=Provider("aws")))
        vpc.arn.apply(seen.append)
        vpc.cidr_block.apply(seen.append)

    run(previewed, {}, preview=True)
    assert seen == ["10.0.0.0/16"]
    assert run(program, {}, preview=True).one("Subnet")["vpcId"] == UNKNOWN


@pytest.mark.parametrize("preview", [False, True])
def test_an_apply_that_raises_fails_the_run(preview: bool) -> None:
    def broken() -> None:
        Output.from_input("no good").apply(failing)

    with pytest.raises(ValueError, match="no good"):
        run(broken, {}, preview=preview)


def test_runs_share_no_state() -> None:
    def empty() -> None:
        return None

    run(program, {})
    assert run(empty, {}).resources == ()


def test_two_resources_with_one_urn_are_refused() -> None:
    def twice() -> None:
        for name in ("aws", "other"):
            ec2.Vpc("vpc", opts=ResourceOptions(provider=Provider(name)))

    with pytest.raises(EvaluationError, match="several resources have the same URN") as refused:
        run(twice, {})
    assert "aws:ec2/vpc:Vpc::vpc" in refused.value.problem
