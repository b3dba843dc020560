import pulumi_aws
import pytest

from policies.network import INGRESS_RULE, open_to_the_world


def test_the_type_token_is_the_sdks() -> None:
    assert pulumi_aws.vpc.SecurityGroupIngressRule.pulumi_type == INGRESS_RULE


@pytest.mark.parametrize("port", [80, 443])
def test_web_ports_may_be_open_to_everyone(port: int) -> None:
    assert not list(open_to_the_world({"cidrIpv4": "0.0.0.0/0", "fromPort": port, "toPort": port, "ipProtocol": "tcp"}))


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"cidrIpv4": "0.0.0.0/0", "fromPort": 22, "toPort": 22}, "port 22 to 22 is open to 0.0.0.0/0"),
        ({"cidrIpv6": "::/0", "fromPort": 80, "toPort": 443}, "port 80 to 443 is open to ::/0"),
        ({"cidrIpv4": "0.0.0.0/0", "ipProtocol": "-1"}, "all ports is open"),
    ],
)
def test_anything_else_is_named(rule: dict[str, object], said: str) -> None:
    assert [said in message for message in open_to_the_world(rule)] == [True]


def test_other_sources_are_not_its_business() -> None:
    assert not list(open_to_the_world({"referencedSecurityGroupId": "sg-1", "fromPort": 22, "toPort": 22}))
