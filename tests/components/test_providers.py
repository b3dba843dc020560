import json

from manifests import dependencies
from recording import UNKNOWN, run_platform


def test_the_aws_provider_tags_every_resource_with_its_owner() -> None:
    tags = json.loads(run_platform("production").one("pulumi:providers:aws")["defaultTags"])["tags"]
    assert tags == {
        "project": "dwcp-v3",
        "environment": "production",
        "owner": "platform",
        "cost-center": "dwcp",
        "managed-by": "pulumi",
    }


def test_the_kubeconfig_gets_its_token_from_aws() -> None:
    config = json.loads(run_platform("production").one("pulumi:providers:kubernetes", "kubernetes")["kubeconfig"])
    assert config["clusters"][0]["cluster"]["server"] == "https://cluster.example.com"
    assert config["users"][0]["user"]["exec"]["args"][2:4] == ["eks", "get-token"]


def test_the_sandbox_uses_the_ambient_kubeconfig() -> None:
    assert "kubeconfig" not in run_platform("local").one("pulumi:providers:kubernetes", "kubernetes")


def test_the_kubeconfig_is_unknown_before_the_cluster_exists() -> None:
    provider = run_platform("production", preview=True).one("pulumi:providers:kubernetes", "kubernetes")
    assert provider["kubeconfig"] == UNKNOWN


def test_workloads_are_created_after_the_nodes_and_add_ons() -> None:
    assert {
        ("aws:eks/nodeGroup:NodeGroup", "dwcp-v3-nodes-a"),
        ("aws:eks/addon:Addon", "dwcp-v3-coredns"),
    } <= dependencies("production", "pulumi:providers:kubernetes", "kubernetes")


def test_the_cluster_identifier_does_not_depend_on_the_kubeconfig() -> None:
    """Without an identifier the provider replaces every object when the endpoint changes, or is not known in a preview."""
    for stack in ("local", "staging", "production"):
        assert run_platform(stack).one("pulumi:providers:kubernetes", "kubernetes")["clusterIdentifier"] == f"dwcp-v3-{stack}"
    assert (
        run_platform("production").one("pulumi:providers:kubernetes", "dwcp-v3-installer")["clusterIdentifier"]
        == "dwcp-v3-production"
    )
