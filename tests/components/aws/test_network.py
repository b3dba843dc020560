from types import SimpleNamespace
from typing import Any

import pytest
from recording import Graph, run_platform

from components.aws.network import zone_of
from components.errors import ComponentsError


def by_name(graph: Graph, type_: str) -> dict[str, dict[str, object]]:
    return {each.name: each.inputs for each in graph.of(type_)}


@pytest.mark.parametrize("zones", [["a", "b", "c", "d"], ["c", "b", "a"], ["a", "c"]], ids=["added", "reordered", "removed"])
def test_a_change_of_zones_does_not_change_the_other_zones(zones: list[str]) -> None:
    before, after = run_platform("local"), run_platform("local", network={"zones": zones})
    for type_ in ("Subnet", "RouteTable", "Route", "RouteTableAssociation"):
        olds, news = by_name(before, type_), by_name(after, type_)
        assert {name: olds[name] for name in olds.keys() & news.keys()} == {name: news[name] for name in olds.keys() & news.keys()}
        removed = {name for name in olds.keys() - news.keys() if "-b" not in name}
        assert not removed


def test_nat_is_one_gateway_or_one_per_zone() -> None:
    single, each = run_platform("local", network={"nat": "single"}), run_platform("local", network={"nat": "per_zone"})
    assert [gateway.name for gateway in single.of("NatGateway")] == ["dwcp-v3-nat-a"]
    assert sorted(gateway.name for gateway in each.of("NatGateway")) == ["dwcp-v3-nat-a", "dwcp-v3-nat-b", "dwcp-v3-nat-c"]
    assert by_name(single, "RouteTable").keys() == by_name(each, "RouteTable").keys()
    assert by_name(single, "Route")["dwcp-v3-private-c-out"]["natGatewayId"] == "dwcp-v3-nat-a-id"
    assert by_name(each, "Route")["dwcp-v3-private-c-out"]["natGatewayId"] == "dwcp-v3-nat-c-id"


def test_only_the_load_balancer_is_open_to_the_internet() -> None:
    graph = run_platform("production")
    open_rules = [rule for rule in graph.of("SecurityGroupIngressRule") if rule.inputs.get("cidrIpv4") == "0.0.0.0/0"]
    assert {(rule.inputs["securityGroupId"], rule.inputs["fromPort"]) for rule in open_rules} == {
        ("dwcp-v3-groups-load-balancer-id", 80),
        ("dwcp-v3-groups-load-balancer-id", 443),
    }


@pytest.mark.parametrize(
    ("port", "source", "target"),
    [
        (8080, "load-balancer", "application"),
        (9090, "application", "metrics"),
        (6379, "application", "redis"),
    ],
)
def test_each_port_is_open_to_the_one_group_that_needs_it(port: int, source: str, target: str) -> None:
    rules = [rule.inputs for rule in run_platform("local").of("SecurityGroupIngressRule") if rule.inputs["fromPort"] == port]
    assert [(rule["referencedSecurityGroupId"], rule["securityGroupId"]) for rule in rules] == [
        (f"dwcp-v3-groups-{source}-id", f"dwcp-v3-groups-{target}-id")
    ]


def test_the_open_ports_follow_the_settings() -> None:
    graph = run_platform("local", application={"port": 8081, "metricsPort": 9095})
    assert {rule.inputs["fromPort"] for rule in graph.of("SecurityGroupIngressRule")} == {80, 443, 8081, 9095, 6379}


def test_the_default_security_group_has_no_rules() -> None:
    assert run_platform("local").one("DefaultSecurityGroup") == {"vpcId": "dwcp-v3-id", "ingress": [], "egress": []}


def test_gateway_endpoints_are_in_every_route_table() -> None:
    graph = run_platform("staging")
    tables = {f"{table.name}-id" for table in graph.of("RouteTable")}
    gateways = [each.inputs for each in graph.of("VpcEndpoint") if each.inputs["vpcEndpointType"] == "Gateway"]
    assert {each["serviceName"].rsplit(".", 1)[-1] for each in gateways} == {"s3", "dynamodb"}
    assert all(set(each["routeTableIds"]) == tables for each in gateways)


def test_interface_endpoints_follow_the_setting() -> None:
    graph = run_platform("local", network={"interfaceEndpoints": ["sts", "ecr.api"]})
    interfaces = [each.inputs for each in graph.of("VpcEndpoint") if each.inputs["vpcEndpointType"] == "Interface"]
    assert {each["serviceName"] for each in interfaces} == {"com.amazonaws.us-east-1.sts", "com.amazonaws.us-east-1.ecr.api"}
    assert all(len(each["subnetIds"]) == 3 and each["privateDnsEnabled"] for each in interfaces)


def test_flow_logs_have_their_own_log_group() -> None:
    flow = run_platform("local").one("FlowLog")
    assert flow["logDestination"].endswith(":dwcp-v3-flow")
    assert (flow["trafficType"], flow["maxAggregationInterval"]) == ("ALL", 600)


def test_subnets_are_tagged_for_the_load_balancers_that_may_use_them() -> None:
    tags = {name: inputs["tags"] for name, inputs in by_name(run_platform("local"), "Subnet").items()}
    assert tags["dwcp-v3-public-a"]["kubernetes.io/role/elb"] == "1"
    assert tags["dwcp-v3-private-a"]["kubernetes.io/role/internal-elb"] == "1"


def zones(*ids: str) -> Any:
    return SimpleNamespace(names=[f"us-east-1{letter}" for letter in "abcdef"[: len(ids)]], zone_ids=list(ids))


def test_a_letter_selects_a_zone_of_the_account() -> None:
    assert zone_of("us-east-1", "b", zones("use1-az6", "use1-az1")) == "us-east-1b"


@pytest.mark.parametrize(
    ("letter", "problem"),
    [("b", "us-east-1b is use1-az3, in which EKS places no control plane"), ("d", "us-east-1d is not a zone of this account")],
)
def test_a_zone_that_is_missing_or_not_supported_by_eks_is_refused(letter: str, problem: str) -> None:
    with pytest.raises(ComponentsError, match=problem) as refused:
        zone_of("us-east-1", letter, zones("use1-az2", "use1-az3", "use1-az4"))
    assert "choose network.zones from a, c" in str(refused.value)


def test_a_local_zone_is_not_offered() -> None:
    """EC2 also returns the Local Zones to which the account has opted in; ``network.zones`` does not accept their names."""
    found: Any = SimpleNamespace(names=["us-west-2a", "us-west-2-lax-1a"], zone_ids=["usw2-az1", "usw2-lax1-az1"])
    with pytest.raises(ComponentsError, match="choose network.zones from a$"):
        zone_of("us-west-2", "b", found)
