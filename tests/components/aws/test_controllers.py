import json
from typing import Any

from manifests import dependencies
from recording import run_platform

RELEASE = "kubernetes:helm.sh/v3:Release"


def statements(name: str) -> list[dict[str, Any]]:
    return json.loads(run_platform("production").one("RolePolicy", name)["policy"])["Statement"]


def test_the_sandbox_installs_no_controllers() -> None:
    graph = run_platform("local")
    assert not graph.of(RELEASE)
    assert {"cert-manager", "amazon-cloudwatch-observability"}.isdisjoint(each.inputs["addonName"] for each in graph.of("Addon"))


def test_charts_are_pinned_and_roll_back_on_failure() -> None:
    releases = run_platform("production", ingress={"enabled": True}).of(RELEASE)
    assert {each.inputs["name"] for each in releases} == {
        "aws-load-balancer-controller",
        "cluster-autoscaler",
        "ingress-controller",
    }
    for each in releases:
        assert each.inputs["version"].count(".") == 2
        assert each.inputs["atomic"] is True
        assert "dwcp-v3-installer" in each.provider


def test_the_load_balancer_controller_may_only_register_and_deregister_targets() -> None:
    policy = statements("dwcp-v3-aws-load-balancer-controller")
    writes = {action for each in policy for action in each["Action"] if not action.split(":")[1].startswith("Describe")}
    values = run_platform("production").one(RELEASE, "dwcp-v3-aws-load-balancer-controller")["values"]
    assert writes == {"elasticloadbalancing:RegisterTargets", "elasticloadbalancing:DeregisterTargets"}
    assert (values["createIngressClassResource"], values["enableServiceMutatorWebhook"]) == (False, False)


def test_the_load_balancer_controller_gets_the_values_it_cannot_read_from_instance_metadata() -> None:
    values = run_platform("production").one(RELEASE, "dwcp-v3-aws-load-balancer-controller")["values"]
    assert (values["clusterName"], values["region"], values["vpcId"]) == ("dwcp-v3-production", "us-east-1", "dwcp-v3-id")


def test_the_autoscaler_scales_only_this_clusters_nodes() -> None:
    [scales] = [each for each in statements("dwcp-v3-cluster-autoscaler") if "autoscaling:SetDesiredCapacity" in each["Action"]]
    values = run_platform("production").one(RELEASE, "dwcp-v3-cluster-autoscaler")["values"]
    assert scales["Condition"] == {"StringEquals": {"aws:ResourceTag/k8s.io/cluster-autoscaler/dwcp-v3-production": "owned"}}
    assert values["autoDiscovery"] == {"clusterName": "dwcp-v3-production"}


def test_each_controllers_service_account_has_its_role() -> None:
    graph = run_platform("production")
    associations = {each.name: each.inputs["serviceAccount"] for each in graph.of("PodIdentityAssociation")}
    for role, account in (
        ("aws-load-balancer-controller", ("serviceAccount", "name")),
        ("cluster-autoscaler", ("rbac", "serviceAccount", "name")),
    ):
        value: Any = graph.one(RELEASE, f"dwcp-v3-{role}")["values"]
        for key in account:
            value = value[key]
        assert associations[f"dwcp-v3-{role}"] == value


def test_the_ingress_controller_is_internal_and_serves_the_configured_class() -> None:
    graph = run_platform("production", ingress={"enabled": True, "className": "edge", "controllerNamespace": "edge-system"})
    release = graph.one(RELEASE, "dwcp-v3-ingress-controller")
    assert release["namespace"] == "edge-system"
    assert release["values"]["controller"]["ingressClass"] == {"name": "edge", "create": True}
    annotations = release["values"]["controller"]["service"]["annotations"]
    assert annotations["service.beta.kubernetes.io/aws-load-balancer-internal"] == "true"


def test_without_an_ingress_there_is_no_ingress_controller() -> None:
    names = {each.inputs["name"] for each in run_platform("production", ingress={"enabled": False}).of(RELEASE)}
    assert names == {"aws-load-balancer-controller", "cluster-autoscaler"}


def test_controllers_are_installed_after_the_nodes_and_the_access_of_the_program() -> None:
    assert {
        ("aws:eks/addon:Addon", "dwcp-v3-coredns"),
        ("aws:eks/accessPolicyAssociation:AccessPolicyAssociation", "dwcp-v3-111122223333-platform-admin"),
    } <= dependencies("production", "pulumi:providers:kubernetes", "dwcp-v3-installer")


def test_upgrades_keep_the_webhooks_certificate() -> None:
    assert run_platform("production").one(RELEASE, "dwcp-v3-aws-load-balancer-controller")["values"]["keepTLSSecret"] is True


def test_an_ingress_controller_remains_after_the_loss_of_a_node_or_zone() -> None:
    release = run_platform("production", ingress={"enabled": True}).one(RELEASE, "dwcp-v3-ingress-controller")
    controller = release["values"]["controller"]
    assert controller["podDisruptionBudget"] == {"enabled": True, "maxUnavailable": 1}
    assert {each["topologyKey"] for each in controller["topologySpreadConstraints"]} == {
        *("topology.kubernetes.io/zone", "kubernetes.io/hostname"),
    }
    assert controller["priorityClassName"] == "system-cluster-critical"


def test_cert_manager_is_installed_only_with_the_ingress() -> None:
    names = [
        {each.inputs["addonName"] for each in run_platform("production", ingress=each).of("Addon")}
        for each in ({}, {"enabled": True})
    ]
    assert "cert-manager" not in names[0]
    assert "cert-manager" in names[1]
