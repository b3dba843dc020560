"""Every connection that the platform needs is permitted: by the NetworkPolicies of both ends, and by the security groups."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from manifests import STACKS, Manifest, Manifests, Pod, evaluate, matches, values_of
from recording import ROOT, Recorded

DNS = {"k8s-app": "kube-dns"}
DNS_NAMESPACE = {"kubernetes.io/metadata.name": "kube-system"}
POLICY = "NetworkPolicy"
EGRESS, INGRESS = "SecurityGroupEgressRule", "SecurityGroupIngressRule"
EGRESS_OF_APPLICATION = {"egress": [{"cidr": "198.51.100.7/32", "ports": [443]}]}
API_SERVER_PROXY = re.compile(r"(?:services|pods)/[^/\s]+/proxy\b|namespaced_(?:service|pod)_proxy")
SOURCES = [each for folder in ("delivery", "docs", "scripts", ".github") for each in sorted((ROOT / folder).rglob("*.*"))]
Peer = Mapping[str, Any]


def forbidden(objects: Manifests, outside: Sequence[tuple[str, int]] = ()) -> list[str]:
    """The needed connections that no rule permits; ``outside`` are the networks and ports that the service must reach."""
    return [*_between_pods(objects), *_to_dns(objects), *_from_load_balancer(objects), *_outside(objects, outside)]


def _between_pods(objects: Manifests) -> Iterator[str]:
    """A pod connects to each Service that its configuration names with a port."""
    services = {each["metadata"]["name"]: each["spec"] for each in objects.all("Service")}
    for pod in objects.pods():
        for name, port in sorted(_named(objects, pod, services)):
            [target] = [each["targetPort"] for each in services[name]["ports"] if each["port"] == port]
            for peer in objects.selected({"matchLabels": services[name]["selector"]}):
                what = f"{pod.owner} cannot connect to {peer.owner}:{target}: no NetworkPolicy permits"
                if not _permits(objects, "egress", pod, peer.labels, target):
                    yield f"{what} the egress of {pod.owner}"
                if not _permits(objects, "ingress", peer, pod.labels, target):
                    yield f"{what} the ingress of {peer.owner}"


def _named(objects: Manifests, pod: Pod, services: Mapping[str, Any]) -> set[tuple[str, int]]:
    """The Services and ports in a pod's own texts and in its ConfigMaps."""
    sources = [source for each in pod.spec["containers"] for source in each.get("envFrom", ())]
    maps = [each.get("configMap", each.get("configMapRef")) for each in (*pod.spec.get("volumes", ()), *sources)]
    texts = [pod.spec, *(objects.one("ConfigMap", each["name"])["data"] for each in maps if each)]
    pattern = re.compile(rf"(?<![\w.-])({'|'.join(sorted(services, key=len, reverse=True))})(?:\.[a-z.-]+)?:(\d+)")
    return {(name, int(port)) for text in values_of(texts) for name, port in pattern.findall(text)}


def _to_dns(objects: Manifests) -> Iterator[str]:
    for pod in objects.pods():
        if not _permits(objects, "egress", pod, DNS, 53, DNS_NAMESPACE):
            yield f"{pod.owner} cannot resolve names: no NetworkPolicy permits its egress to port 53 of kube-dns"


def _from_api_server(objects: Manifests, sources: Sequence[Path]) -> Iterator[str]:
    """The API server's proxy connects from the cluster's subnets to a pod. ``kubectl port-forward`` needs no such connection."""
    [cluster] = objects.graph.of("eks/cluster:Cluster")
    ids = cluster.inputs["vpcConfig"]["subnetIds"]
    subnets = [each.inputs["cidrBlock"] for each in objects.graph.of("ec2/subnet:Subnet") if f"{each.name}-id" in ids]
    assert subnets
    networks = [{"ipBlock": {"cidr": each}} for each in subnets]
    admits = any(all(each in peers for each in networks) for peers, _ in _rules(objects, "ingress", "dwcp-v3"))
    for source in sources:
        if not admits and API_SERVER_PROXY.search(source.read_text()):
            yield f"{source.name}: the API server cannot connect to a pod: no NetworkPolicy permits the ingress from its subnets"


def _outside(objects: Manifests, wanted: Sequence[tuple[str, int]]) -> Iterator[str]:
    for track in ("dwcp-v3", "dwcp-v3-canary"):
        for cidr, port in wanted:
            if not any({"ipBlock": {"cidr": cidr}} in peers and port in ports for peers, ports in _rules(objects, "egress", track)):
                yield f"{track} cannot connect to {cidr}:{port}: no NetworkPolicy permits the egress of {track}"


def _from_load_balancer(objects: Manifests) -> Iterator[str]:
    """The load balancer connects from the public subnets to the pods, which use their node's network interface."""
    [balancer] = objects.graph.of("lb/loadBalancer:LoadBalancer")
    [template] = objects.graph.of("LaunchTemplate")
    ends = balancer.inputs["securityGroups"], template.inputs["vpcSecurityGroupIds"]
    subnets = {each.inputs["cidrBlock"] for each in objects.graph.of("ec2/subnet:Subnet") if "-public-" in each.name}
    for group in objects.graph.of("TargetGroup"):
        port = group.inputs["port"]
        for direction, (own, other) in ((EGRESS, ends), (INGRESS, ends[::-1])):
            rules = [each.inputs for each in objects.graph.of(direction)]
            if not any(
                each["securityGroupId"] in own and each.get("referencedSecurityGroupId") in other and each.get("fromPort") == port
                for each in rules
            ):
                yield f"the load balancer cannot connect to {group.name}:{port}: no {direction} of {', '.join(own)} permits it"
        for track in ("dwcp-v3", "dwcp-v3-canary"):
            admitted = {
                peer["ipBlock"]["cidr"] for peers, _ in _rules(objects, "ingress", track) for peer in peers if "ipBlock" in peer
            }
            if missing := sorted(subnets - admitted):
                what = f"the load balancer cannot connect to {track}"
                yield f"{what}: no NetworkPolicy permits the ingress from {', '.join(missing)}"


def _rules(objects: Manifests, direction: str, owner: str) -> Iterator[tuple[list[Peer], list[Any]]]:
    """The peers and ports of every rule for the pods of ``owner``."""
    for policy in objects.all(POLICY):
        if matches(policy["spec"]["podSelector"], objects.pod(owner).labels):
            for rule in policy["spec"].get(direction, ()):
                yield rule.get("to" if direction == "egress" else "from", []), [each["port"] for each in rule["ports"]]


def _permits(
    objects: Manifests, direction: str, pod: Pod, peer: Peer, port: int | str, namespace: Mapping[str, str] | None = None
) -> bool:
    """Whether a NetworkPolicy permits connections of a pod with pods that have the labels ``peer``."""
    return any(
        port in ports and (not peers or any(_is(each, peer, namespace) for each in peers))
        for peers, ports in _rules(objects, direction, pod.owner)
    )


def _is(peer: Peer, labels: Mapping[str, str], namespace: Mapping[str, str] | None) -> bool:
    of_namespace = peer.get("namespaceSelector")
    if "ipBlock" in peer or (of_namespace is None) != (namespace is None):
        return False
    return matches(peer.get("podSelector", {}), labels) and (namespace is None or matches(of_namespace, namespace))


@pytest.mark.parametrize("stack", STACKS)
def test_no_needed_connection_is_forbidden(stack: str) -> None:
    assert forbidden(evaluate(stack)) == []


def test_no_command_connects_to_a_pod_through_the_api_server(tmp_path: Path) -> None:
    objects = evaluate("production")
    assert list(_from_api_server(objects, [each for each in SOURCES if each.suffix in (".py", ".md", ".sh", ".yml")])) == []
    command = tmp_path / "service.py"
    command.write_text('proxy = f"/api/v1/namespaces/{cluster.namespace}/services/{DEPLOYMENTS[track]}:http/proxy"')
    assert list(_from_api_server(objects, [command])) == [
        "service.py: the API server cannot connect to a pod: no NetworkPolicy permits the ingress from its subnets"
    ]


def test_a_network_of_the_settings_is_reached() -> None:
    assert forbidden(evaluate("production", application=EGRESS_OF_APPLICATION), [("198.51.100.7/32", 443)]) == []


Change = Callable[[Recorded], Recorded | None]


def without(type_: str, name: str) -> Change:
    return lambda each: None if each.type.endswith(type_) and each.name == name else each


def without_rules(policy: str, direction: str, keeps: Callable[[Manifest], bool] = lambda _: False) -> Change:
    """A NetworkPolicy without the rules of one direction, except those that ``keeps`` accepts."""

    def change(each: Recorded) -> Recorded:
        if not each.type.endswith(POLICY) or each.inputs["metadata"]["name"] != policy:
            return each
        spec = each.inputs["spec"]
        return replace(each, inputs={**each.inputs, "spec": {**spec, direction: [rule for rule in spec[direction] if keeps(rule)]}})

    return change


REDIS = r"dwcp-v3 cannot connect to dwcp-v3-redis:6379: no NetworkPolicy permits the"
PUT_BACK: dict[str, tuple[Change, str]] = {
    "the service may call nothing": (without_rules("dwcp-v3", "egress"), rf"{REDIS} egress of dwcp-v3"),
    "the service may not call the networks of the settings": (
        without_rules("dwcp-v3", "egress", lambda rule: "podSelector" in rule["to"][0]),
        r"dwcp-v3 cannot connect to 198\.51\.100\.7/32:443: no NetworkPolicy permits the egress",
    ),
    "Redis admits nothing": (without_rules("dwcp-v3-redis", "ingress"), rf"{REDIS} ingress of dwcp-v3-redis"),
    "no policy for DNS": (without_rules("allow-dns", "egress"), "dwcp-v3-grafana cannot resolve names: .* port 53 of kube-dns"),
    "the service does not admit the load balancer": (
        without_rules("dwcp-v3", "ingress"),
        "the load balancer cannot connect to dwcp-v3: no NetworkPolicy permits the ingress from 10",
    ),
    "the load balancer's security group permits no egress": (
        without(EGRESS, "dwcp-v3-groups-load-balancer-to-application"),
        "the load balancer cannot connect to .*:8080: no SecurityGroupEgressRule of dwcp-v3-groups-load-balancer-id",
    ),
    "the nodes' security group permits no ingress": (
        without(INGRESS, "dwcp-v3-groups-load-balancer-to-application"),
        "the load balancer cannot connect to .*:8080: no SecurityGroupIngressRule of .*dwcp-v3-groups-application-id",
    ),
}


@pytest.mark.parametrize("defect", PUT_BACK)
def test_a_connection_that_is_cut_is_named(defect: str) -> None:
    change, said = PUT_BACK[defect]
    objects = evaluate("production", application=EGRESS_OF_APPLICATION)
    changed = tuple(found for each in objects.graph.resources if (found := change(each)) is not None)
    found = forbidden(Manifests(replace(objects.graph, resources=changed)), [("198.51.100.7/32", 443)])
    assert any(re.search(said, each) for each in found), found
