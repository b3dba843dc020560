"""Rules on the number of pods, their placement, and their eviction."""

from __future__ import annotations

from collections.abc import Iterator

from contract import TOPOLOGY_KEYS
from policies.limits import Limits
from policies.rule import Pack, Problem, at
from policies.rules._kinds import chosen, labels_of, name_of, namespace_of, pod_of, pods_in
from policies.views import ResourceIndex, View
from program.types import AUTOSCALER, BUDGET, DEPLOYMENT, STATEFUL_SET

PACK = Pack("workload")

WIDEST_SKEW = 3
"""Maximum difference in pods between zones or nodes. The larger the difference, the more pods fail with one zone."""


@PACK.rule(
    "workload-autoscaler-bounds",
    AUTOSCALER,
    title="The autoscaler's bounds are within the limits of the environment",
    why="With fewer pods, the service does not survive the loss of a zone. With more pods, an attack can be expensive.",
    fix="Set `autoscaling.minReplicas` to `minimumReplicas` or more, and `autoscaling.maxReplicas` to `maximumReplicas` or less.",
    severity="high",
    frameworks=("guide: HorizontalPodAutoscaler (3-10 replicas)",),
    parameters=("minimum_replicas", "maximum_replicas"),
)
def autoscaler_bounds(view: View, limits: Limits) -> Iterator[Problem]:
    """Yield a problem if an autoscaler's minimum or maximum is outside the limits, or the maximum is below the minimum."""
    low, high = view.number("spec.minReplicas"), view.number("spec.maxReplicas")
    low = 1 if low is None else low
    if low < limits.minimum_replicas:
        path = "spec.minReplicas"
        yield at(view, path, f"{low} pods are too few", f"set {path} to {limits.minimum_replicas} or more")
    if high is None or high > limits.maximum_replicas or high < low:
        fix = f"set spec.maxReplicas to {limits.maximum_replicas} or less, not below minReplicas"
        yield at(view, "spec.maxReplicas", f"{high} is not a valid maximum number of pods", fix)


@PACK.rule(
    "workload-autoscaler-behaviour",
    AUTOSCALER,
    title="The speed at which the autoscaler adds and removes pods is limited",
    why="Without a stabilization window, the autoscaler removes pods at each short drop of the load, and soon starts new pods.",
    fix="Declare policies for both directions, and a stabilization window for scaling down.",
    severity="medium",
    frameworks=("Kubernetes: HPA configurable scaling behavior",),
    parameters=("minimum_scale_down_seconds",),
)
def autoscaler_behaviour(view: View, limits: Limits) -> Iterator[Problem]:
    """Yield a problem unless the autoscaler has policies in both directions, and a stabilization window for scaling down.

    A direction that is disabled is a problem too.
    """
    for direction in ("scaleUp", "scaleDown"):
        path = f"spec.behavior.{direction}.policies"
        if not view.values(path):
            yield at(
                view, path, f"{direction} has no policy", f"set {path}, such as [{{type: Percent, value: 25, periodSeconds: 60}}]"
            )
        select = f"spec.behavior.{direction}.selectPolicy"
        if view.text(select) == "Disabled":
            yield at(view, select, f"{direction} is disabled", f"set {select} to Max or Min")
    path = "spec.behavior.scaleDown.stabilizationWindowSeconds"
    seconds = view.number(path)
    if seconds is None or seconds < limits.minimum_scale_down_seconds:
        yield at(
            view,
            path,
            "pods are removed too early",
            f"set {path} to {limits.minimum_scale_down_seconds} or more",
        )


def autoscaler_of(view: View, index: ResourceIndex) -> View | None:
    """The autoscaler of a workload, or ``None``."""
    kind = view.resource.type.rpartition(":")[2]
    for each in index.of(AUTOSCALER):
        target = each.view("spec.scaleTargetRef")
        same_namespace = namespace_of(each) == namespace_of(view)
        if same_namespace and target.text("kind") == kind and target.text("name") == name_of(view):
            return each
    return None


def several(view: View, index: ResourceIndex) -> bool:
    """Whether a workload can have more than one pod at a time."""
    replicas = view.number("spec.replicas")
    return autoscaler_of(view, index) is not None or (1 if replicas is None else replicas) > 1


@PACK.rule(
    "workload-replicas",
    DEPLOYMENT,
    title="A Deployment starts within its autoscaler's bounds",
    why="Otherwise the autoscaler changes the number at once, so one of the two settings is wrong.",
    fix="Set `application.replicas` within the autoscaler's bounds.",
    severity="low",
    frameworks=("guide: Deployment, 3 replicas",),
)
def replicas(view: View, index: ResourceIndex) -> Iterator[Problem]:
    """Yield a problem if the number of replicas is outside the autoscaler's bounds.

    The number may also be 0, as for the canary, because the autoscaler is inactive with 0 replicas.
    """
    scaler, count = autoscaler_of(view, index), view.number("spec.replicas")
    if scaler is None or not count:
        return
    low, high = scaler.number("spec.minReplicas") or 1, scaler.number("spec.maxReplicas") or 1
    # After creation, the autoscaler changes the number of pods, and `dwcp` the minimum. The rule compares the program's values.
    if count > high or count < low:
        path = "spec.replicas"
        yield at(view, path, f"{count} is outside {low} to {high}", f"set {path} to {low}")


@PACK.rule(
    "workload-disruption-budget",
    DEPLOYMENT,
    STATEFUL_SET,
    title="A workload with several pods has a PodDisruptionBudget",
    why="Without a budget, an upgrade of the nodes can evict all pods of the workload at once.",
    fix="Add a PodDisruptionBudget with maxUnavailable 1 that selects the pods.",
    severity="high",
    frameworks=("EKS best practices: PodDisruptionBudgets",),
)
def disruption_budget(view: View, index: ResourceIndex) -> Iterator[Problem]:
    """Yield a problem if a workload with several pods has no PodDisruptionBudget."""
    if several(view, index) and not _budgets(view, index):
        yield at(
            view, "", "no PodDisruptionBudget selects the pods", f"add a {BUDGET} with maxUnavailable 1 for the labels of the pods"
        )


def _budgets(view: View, index: ResourceIndex) -> list[View]:
    labels = labels_of(pod_of(view))
    return [each for each in index.of(BUDGET) if namespace_of(each) == namespace_of(view) and chosen(each, "spec.selector", labels)]


@PACK.rule(
    "workload-budget-allows-eviction",
    BUDGET,
    title="A disruption budget allows the eviction of pods",
    why="Otherwise the budget blocks every drain of a node, and so every upgrade of the nodes.",
    fix="Set `maxUnavailable` to 1 and `unhealthyPodEvictionPolicy` to AlwaysAllow.",
    severity="high",
    frameworks=("Kubernetes: Specifying a Disruption Budget", "EKS best practices: PodDisruptionBudgets"),
)
def budget_allows_eviction(view: View, index: ResourceIndex) -> Iterator[Problem]:
    """Yield a problem unless a budget allows the eviction of at least one pod, and always allows the eviction of an unhealthy pod.

    Two budgets that select the same pods are a problem too.
    """
    unavailable, available = view.get("spec.maxUnavailable"), view.get("spec.minAvailable")
    if str(unavailable) in ("0", "0%") or str(available) == "100%" or (unavailable is None and available is None):
        yield at(view, "spec.maxUnavailable", "no pod may ever be evicted", "set spec.maxUnavailable to 1, without minAvailable")
    for owner, pod in pods_in(index, namespace_of(view)):
        if chosen(view, "spec.selector", labels_of(pod)):
            yield from _blocks(view, owner, index, unavailable, available)
            yield from _twice(view, owner, index)
    if view.text("spec.unhealthyPodEvictionPolicy") != "AlwaysAllow":
        path = "spec.unhealthyPodEvictionPolicy"
        yield at(view, path, "an unhealthy pod blocks the drain", f"set {path} to AlwaysAllow")


def _twice(view: View, owner: View, index: ResourceIndex) -> Iterator[Problem]:
    """Yield a problem if another budget selects the same pods, because Kubernetes does not evict a pod with two budgets."""
    for other in _budgets(owner, index):
        if other.resource.urn != view.resource.urn:
            message = f"{name_of(other)} selects the pods of {name_of(owner)} too, and a pod with two budgets cannot be evicted"
            yield at(view, "spec.selector", message, "let exactly one budget select each pod")


def _blocks(view: View, owner: View, index: ResourceIndex, unavailable: object, available: object) -> Iterator[Problem]:
    scaler = autoscaler_of(owner, index)
    least = scaler.number("spec.minReplicas") if scaler else owner.number("spec.replicas")
    least = 1 if least is None else least
    if isinstance(available, int) and unavailable is None and 0 < least <= available:
        message = f"{available} of {least} pods of {name_of(owner)} must stay"
        yield at(view, "spec.minAvailable", message, "remove spec.minAvailable, and set spec.maxUnavailable to 1")


@PACK.rule(
    "workload-topology-spread",
    DEPLOYMENT,
    STATEFUL_SET,
    title="Pods are spread over zones and nodes",
    why="Otherwise all pods can be on the node that fails.",
    fix="Add constraints over zone and host name for the pods' own labels.",
    severity="medium",
    frameworks=("EKS best practices: topology spread constraints",),
)
def topology_spread(view: View, index: ResourceIndex) -> Iterator[Problem]:
    """Yield a problem unless constraints with a small skew, or required anti-affinity, spread the pods over zones and nodes."""
    if not several(view, index):
        return
    pod = pod_of(view)
    constraints = [
        each.text("topologyKey")
        for each in pod.views("spec.topologySpreadConstraints")
        if chosen(each, "labelSelector", labels_of(pod)) and (each.number("maxSkew") or 1) <= WIDEST_SKEW
    ]
    constraints += [
        each.text("topologyKey")
        for each in pod.views("spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution")
        if chosen(each, "labelSelector", labels_of(pod)) and _in_own_namespace(each, namespace_of(view))
    ]
    for key in TOPOLOGY_KEYS:
        if key not in constraints:
            path = "spec.topologySpreadConstraints"
            yield at(
                pod,
                path,
                f"nothing spreads the pods over {key}",
                f"add a constraint with topologyKey {key} for the labels of the pods",
            )


def _in_own_namespace(term: View, namespace: str) -> bool:
    """Whether a pod's affinity term applies to the pods of the pod's own ``namespace``, which is the default."""
    listed, everywhere = (
        term.texts("namespaces"),
        term.has("namespaceSelector") and not list(term.view("namespaceSelector").items()),
    )
    return namespace in listed or everywhere or not (listed or term.has("namespaceSelector"))
