"""The state of the sandbox for the simulator: pods from the API server, weights and target health from moto's load balancer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from botocore.client import BaseClient

from contract import APP_LABEL, APPLICATION, NAMESPACE, TRACK_LABEL, VERSION_LABEL
from embedded_cloud.api_server import ApiServer, Manifest
from embedded_cloud.controllers.target_group_bindings import GROUP, PLURAL, VERSION
from sandbox.simulator.load import Pod, WeightedTargets

PODS = "/api/v1/pods"
BINDINGS = f"/apis/{GROUP}/{VERSION}/{PLURAL}"


@dataclass
class World:
    """The state of the sandbox at the last call of ``refresh``."""

    api: ApiServer
    elbv2: BaseClient
    pods: tuple[Pod, ...] = ()
    """The running pods with an IP address, in all namespaces."""
    routes: tuple[WeightedTargets, ...] = ()
    deployments: tuple[Manifest, ...] = ()
    manifests: tuple[Manifest, ...] = ()
    """The manifests of ``pods``, for the metrics of kube-state-metrics and the kubelets."""
    _rule: str = field(default="", repr=False)

    def refresh(self) -> None:
        """Read the target groups with their weights, the pods, and the Deployments.

        The targets are read before the pods, because a target is registered after its pod has started, and a pod still runs for
        seconds after its target is removed. In the other order, a new target could have no pod, and its requests would count as
        lost.
        """
        routes = tuple(self._routes())
        running = [pod for pod in self.api.items(PODS) if pod["status"].get("phase") == "Running" and "podIP" in pod["status"]]
        self.manifests = tuple(running)
        self.pods = tuple(map(_pod, running))
        self.routes = routes
        self.deployments = tuple(self.api.items(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"))

    @property
    def service_pods(self) -> list[Pod]:
        """The pods of the service, on all tracks."""
        return [pod for pod in self.pods if pod.app == APPLICATION]

    def at(self, ip: str, port: int) -> Pod | None:
        """The pod at an address. Several pods can have a node's address; ``port`` selects among them."""
        found = [pod for pod in self.pods if pod.ip == ip]
        by_port = [pod for pod in found if port in _ports(self._manifest(pod))]
        alone = [pod for pod in found if not self._manifest(pod)["spec"].get("hostNetwork")]
        return next(iter(by_port or alone), None)

    def _manifest(self, pod: Pod) -> Manifest:
        found = (each for each in self.manifests if each["metadata"]["name"] == pod.name)
        return next(each for each in found if each["status"]["podIP"] == pod.ip)

    def _routes(self) -> Iterator[WeightedTargets]:
        if not self._rule:
            self._rule = self._find_rule()
        if not self._rule:
            return
        try:
            [rule] = self.elbv2.describe_rules(RuleArns=[self._rule])["Rules"]
        except self.elbv2.exceptions.ClientError:
            self._rule = ""  # the rule was replaced or destroyed; the next call searches again
            return
        for group in _groups(rule):
            described = self.elbv2.describe_target_health(TargetGroupArn=group["TargetGroupArn"])["TargetHealthDescriptions"]
            states = {each["Target"]["Id"]: each["TargetHealth"]["State"] for each in described}
            registered = [ip for ip, state in states.items() if state not in ("draining", "unused")]
            # If no target of a group is healthy, a load balancer sends requests to all targets of the group.
            targets = [ip for ip in registered if states[ip] == "healthy"] or registered
            yield WeightedTargets(weight=group.get("Weight", 0), targets=tuple(targets))

    def _find_rule(self) -> str:
        """The ARN of the rule with several target groups that all have a binding in this cluster; empty if there is no such rule.

        The rules of other stacks in the account have target groups of other clusters.
        """
        own = {binding["spec"]["targetGroupARN"] for binding in self.api.items(BINDINGS)}
        for balancer in self.elbv2.describe_load_balancers()["LoadBalancers"]:
            for listener in self.elbv2.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]:
                for rule in self.elbv2.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]:
                    groups = {group["TargetGroupArn"] for group in _groups(rule)}
                    if len(groups) > 1 and groups <= own:
                        return rule["RuleArn"]
        return ""


def _groups(rule: dict[str, Any]) -> list[dict[str, Any]]:
    return [group for action in rule["Actions"] for group in action.get("ForwardConfig", {}).get("TargetGroups", [])]


def _pod(manifest: Manifest) -> Pod:
    labels = manifest["metadata"].get("labels", {})
    return Pod(
        name=manifest["metadata"]["name"],
        ip=manifest["status"]["podIP"],
        app=labels.get(APP_LABEL, ""),
        track=labels.get(TRACK_LABEL, ""),
        version=labels.get(VERSION_LABEL, ""),
        node=manifest["spec"].get("nodeName", ""),
        terminating="deletionTimestamp" in manifest["metadata"],
    )


def _ports(manifest: Manifest) -> set[int]:
    return {port["containerPort"] for container in manifest["spec"]["containers"] for port in container.get("ports", [])}
