"""Reachability: the cluster's API from where the program runs, AWS services from all of the VPC."""

import pytest
from recording import run_platform

INGRESS = "SecurityGroupIngressRule"


def admitted(stack: str, group: str, port: int, **changes: dict[str, object]) -> set[str]:
    """The networks that may open a connection to a port of a security group."""
    rules = [rule.inputs for rule in run_platform(stack, **changes).of(INGRESS)]
    return {
        rule["cidrIpv4"] for rule in rules if "cidrIpv4" in rule and (rule["securityGroupId"], rule["fromPort"]) == (group, port)
    }


@pytest.mark.parametrize("stack", ["staging", "production"])
def test_the_api_can_be_reached_from_outside_the_cluster(stack: str) -> None:
    endpoint = run_platform(stack).one("aws:eks/cluster:Cluster")["vpcConfig"]
    public = endpoint["endpointPublicAccess"] and endpoint["publicAccessCidrs"]
    assert public or admitted(stack, "sg-cluster", 443)


def test_the_private_endpoint_admits_the_configured_networks() -> None:
    changes = {"cluster": {"privateAccessCidrs": ["10.0.0.0/16", "10.9.0.0/24"]}}
    assert admitted("production", "sg-cluster", 443, **changes) == {"10.0.0.0/16", "10.9.0.0/24"}
    assert admitted("local", "sg-cluster", 443) == set()


@pytest.mark.parametrize("cidr", ["10.0.0.0/16", "10.64.0.0/18"])
def test_endpoints_with_private_dns_admit_the_whole_vpc(cidr: str) -> None:
    graph = run_platform("production", network={"vpcCidr": cidr})
    private = [each.inputs for each in graph.of("VpcEndpoint") if each.inputs.get("privateDnsEnabled")]
    assert len(private) == 4
    for endpoint in private:
        for group in endpoint["securityGroupIds"]:
            assert admitted("production", group, 443, network={"vpcCidr": cidr}) == {cidr}
