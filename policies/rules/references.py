"""Rules on NetworkPolicies, and on references between Kubernetes objects.

The API server accepts the name of a missing object, so the failure occurs only later. In a namespace with a chart, only the
references of RoleBindings and ClusterRoleBindings are checked, because the other references can name objects of the chart, which
are not known.
"""

from __future__ import annotations

from collections.abc import Iterator

from policies.addresses import internet_in
from policies.rule import Pack, Problem, at
from policies.rules._kinds import POD_OWNERS, containers, has_chart, labels_of, name_of, namespace_of, pod_of, pods_in, selects
from policies.views import ResourceIndex, View
from program.types import (
    AUTOSCALER,
    BINDING,
    BUDGET,
    CLAIM,
    CLUSTER_ROLE,
    CLUSTER_ROLE_BINDING,
    CONFIG_MAP,
    DEPLOYMENT,
    INGRESS,
    KUBERNETES_ROLE,
    NETWORK_POLICY,
    PRIORITY_CLASS,
    ROLE_BINDING,
    SECRET,
    SERVICE,
    SERVICE_ACCOUNT,
    SERVICE_MONITOR,
    STATEFUL_SET,
)

PACK = Pack("workload")


BUILT_IN_ROLES = ("cluster-admin", "admin", "edit", "view")
BUILT_IN_PRIORITIES = ("system-cluster-critical", "system-node-critical", "")
REFERENCES = frozenset(
    f"{pod}spec.{place}"
    for pod in ("", "spec.template.", "spec.jobTemplate.spec.template.")
    for place in (
        "volumes",
        "imagePullSecrets",
        "containers.env",
        "containers.envFrom",
        "initContainers.env",
        "initContainers.envFrom",
    )
)
"""The paths at which workloads name the objects that their pods mount or read.

In a first preview, a name that is another object's output is unknown. :mod:`policies.names` fills it in if exactly one declared
name is possible. Otherwise the check is deferred.
"""

SELECTOR_PATHS = {BUDGET: "spec.selector", NETWORK_POLICY: "spec.podSelector"}


def _named(index: ResourceIndex, kind: str, namespace: str, name: str) -> View | None:
    """The object of type ``kind`` with this name, or ``None``. For a cluster-wide object, ``namespace`` is empty."""
    for each in index.of(kind):
        if name_of(each) == name and (not namespace or namespace_of(each) == namespace):
            return each
    return None


@PACK.rule(
    "workload-services-lead-to-pods",
    SERVICE,
    title="Every Service selects existing pods, and ports that these pods have",
    why="A Service without pods refuses every connection, and Kubernetes reports no error.",
    fix="Correct the selector or the target ports.",
    severity="high",
)
def services_lead_to_pods(view: View, index: ResourceIndex) -> Iterator[Problem]:
    """Yield a problem if a Service selects no pods, or if a target port does not exist in a selected pod."""
    if has_chart(index, namespace_of(view)):
        return
    selector = view.map("spec.selector")
    if not selector:
        if view.text("spec.type") != "ExternalName" and not _has_endpoints(view, index):
            yield at(view, "spec.selector", "the Service selects no pods", "set spec.selector to the pods' labels")
        return
    pods = [
        pod
        for _, pod in pods_in(index, namespace_of(view))
        if all(labels_of(pod).get(key) == value for key, value in selector.items())
    ]
    if not pods:
        shown = ", ".join(f"{key}={value}" for key, value in selector.items())
        yield at(view, "spec.selector", f"no pod has {shown}", "correct the selector or the pods' labels")
        return
    for port in view.views("spec.ports"):
        target = port.get("targetPort") or port.get("port")
        for pod in pods:
            open_ports = [
                value
                for container in containers(pod, every=False)
                for each in container.views("ports")
                for value in (each.number("containerPort"), each.text("name"))
            ]
            if target not in open_ports:
                yield at(port, "targetPort", f"no container has the port {target}", "name a containerPort of the pods")


def _has_endpoints(service: View, index: ResourceIndex) -> bool:
    """Whether the program declares endpoints in the Service's namespace, for this or another Service."""
    endpoints = [each for each in index.views if each.resource.type.endswith((":Endpoints", ":EndpointSlice"))]
    return any(namespace_of(each) == namespace_of(service) for each in endpoints)


@PACK.rule(
    "workload-backends-exist",
    INGRESS,
    BINDING,
    SERVICE_MONITOR,
    title="Ingresses, TargetGroupBindings and ServiceMonitors name existing Services, and ports that these Services have",
    why="Traffic to a missing Service fails for users; alerts on metrics that are not collected never fire.",
    fix="Name a Service of the same namespace and one of its ports.",
    severity="high",
)
def backends_exist(view: View, index: ResourceIndex) -> Iterator[Problem]:
    """Yield a problem if the Service or port that an Ingress, TargetGroupBinding or ServiceMonitor names does not exist."""
    if has_chart(index, namespace_of(view)):
        return
    if view.resource.type == SERVICE_MONITOR:
        yield from _monitored(view, index)
    elif view.resource.type == BINDING:
        yield from _backend(view, index, "spec.serviceRef.name", view.get("spec.serviceRef.port"))
    else:
        for path in (path for rule in view.views("spec.rules") for path in rule.views("http.paths")):
            port = path.get("backend.service.port.number") or path.get("backend.service.port.name")
            yield from _backend(path, index, "backend.service.name", port)
        if view.has("spec.defaultBackend"):
            port = view.get("spec.defaultBackend.service.port.number") or view.get("spec.defaultBackend.service.port.name")
            yield from _backend(view, index, "spec.defaultBackend.service.name", port)


def _backend(view: View, index: ResourceIndex, path: str, port: object) -> Iterator[Problem]:
    name = view.text(path)
    owner = View(view.resource, view.resource.inputs)
    service = _named(index, SERVICE, namespace_of(owner), name)
    if service is None:
        yield at(
            view, path, f"there is no Service {name}" if name else "no Service is named", "name a Service of the same namespace"
        )
    elif not any(port in (each.number("port"), each.text("name")) for each in service.views("spec.ports")):
        yield at(view, path, f"the Service {name} has no port {port}", "name a port of the Service")


def _monitored(view: View, index: ResourceIndex) -> Iterator[Problem]:
    wanted = view.texts("spec.namespaceSelector.matchNames") or [namespace_of(view)]
    services = [
        each
        for each in index.of(SERVICE)
        if (namespace_of(each) in wanted or view.flag("spec.namespaceSelector.any"))
        and selects(view.view("spec.selector"), each.map("metadata.labels"))
    ]
    if not services:
        yield at(view, "spec.selector", "no Service is selected", "select the labels of a Service")
        return
    if not view.values("spec.endpoints"):
        yield at(view, "spec.endpoints", "nothing is scraped", "name a port of the Service")
    for endpoint in view.views("spec.endpoints"):
        name = endpoint.text("port")
        if not name and not endpoint.has("targetPort"):
            yield at(endpoint, "port", "no port is scraped", "name a port of the Service")
        if name and not any(name == port.text("name") for each in services for port in each.views("spec.ports")):
            yield at(endpoint, "port", f"no selected Service has a port {name}", "name a port of the Services")


@PACK.rule(
    "workload-targets-exist",
    AUTOSCALER,
    BUDGET,
    NETWORK_POLICY,
    ROLE_BINDING,
    CLUSTER_ROLE_BINDING,
    title="Autoscalers, disruption budgets, NetworkPolicies and role bindings refer to objects that exist",
    why="An object of these kinds has no effect if its target does not exist.",
    fix="Correct the reference, or delete the object that contains it.",
    severity="medium",
)
def targets_exist(view: View, index: ResourceIndex) -> Iterator[Problem]:
    """Yield a problem if an autoscaler's target, or a bound role or account, does not exist, or if a selector selects no pod."""
    if view.resource.type in (ROLE_BINDING, CLUSTER_ROLE_BINDING):
        yield from _bound(view, index)
    elif has_chart(index, namespace_of(view)):
        return
    elif view.resource.type == AUTOSCALER:
        kinds = {"Deployment": DEPLOYMENT, "StatefulSet": STATEFUL_SET}
        kind, name = view.text("spec.scaleTargetRef.kind"), view.text("spec.scaleTargetRef.name")
        if kind not in kinds or _named(index, kinds[kind], namespace_of(view), name) is None:
            yield at(view, "spec.scaleTargetRef.name", f"there is no {kind} {name}", "name a workload of the same namespace")
    else:
        path = SELECTOR_PATHS[view.resource.type]
        selector = view.view(path)
        absent = view.resource.type == BUDGET and not view.has(path)
        if absent or (
            list(selector.items()) and not any(selects(selector, labels_of(pod)) for _, pod in pods_in(index, namespace_of(view)))
        ):
            yield at(view, path, "no pod is selected", "select the labels of a pod")


def _bound(view: View, index: ResourceIndex) -> Iterator[Problem]:
    kind, name = view.text("roleRef.kind"), view.text("roleRef.name")
    role = _named(index, KUBERNETES_ROLE if kind == "Role" else CLUSTER_ROLE, namespace_of(view) if kind == "Role" else "", name)
    if role is None and not (kind == "ClusterRole" and (name in BUILT_IN_ROLES or name.startswith("system:"))):
        yield at(view, "roleRef.name", f"there is no {kind} {name}", "name a role that exists")
    for subject in view.views("subjects"):
        account = subject.text("name")
        namespace = subject.text("namespace") or namespace_of(view)
        wanted = subject.text("kind") == "ServiceAccount" and account != "default"
        if wanted and _named(index, SERVICE_ACCOUNT, namespace, account) is None:
            yield at(subject, "name", f"there is no ServiceAccount {account}", "name a ServiceAccount of the namespace")


@PACK.rule(
    "workload-references-exist",
    *POD_OWNERS,
    title="Every object that a pod refers to exists",
    why="A pod that refers to a missing ConfigMap, Secret, claim or service account never starts, and the rollout stops.",
    fix="Declare the object, or correct the name.",
    severity="high",
    deferred=REFERENCES,
)
def references_exist(view: View, index: ResourceIndex) -> Iterator[Problem]:
    """Yield a problem if an object that a pod refers to does not exist. A reference that is marked as optional is not checked.

    The objects are ConfigMaps, Secrets, claims, service accounts, pull secrets and priority classes.
    """
    pod, namespace = pod_of(view), namespace_of(view)
    if has_chart(index, namespace):
        return
    spec = pod.view("spec")
    for holder, path, kind in _references(pod):
        name = holder.text(path)
        optional = kind != CLAIM and "." in path and holder.flag(f"{path.rpartition('.')[0]}.optional")
        if name and not optional and _named(index, kind, namespace, name) is None:
            yield at(
                holder, path, f"there is no {kind.rpartition(':')[2]} {name} in {namespace}", "name an object of this namespace"
            )
    priority = spec.text("priorityClassName")
    if priority not in BUILT_IN_PRIORITIES and _named(index, PRIORITY_CLASS, "", priority) is None:
        yield at(spec, "priorityClassName", f"there is no PriorityClass {priority}", "name a PriorityClass that exists")
    account = spec.text("serviceAccountName", "default")
    if account != "default" and _named(index, SERVICE_ACCOUNT, namespace, account) is None:
        yield at(spec, "serviceAccountName", f"there is no ServiceAccount {account}", "name a ServiceAccount of the namespace")


def _references(pod: View) -> Iterator[tuple[View, str, str]]:
    """Yield each place where a pod can name a ConfigMap, Secret or claim: a view, the name's path in it, and the named type."""
    for volume in pod.views("spec.volumes"):
        yield volume, "configMap.name", CONFIG_MAP
        yield volume, "secret.secretName", SECRET
        yield volume, "persistentVolumeClaim.claimName", CLAIM
        for source in volume.views("projected.sources"):
            yield source, "configMap.name", CONFIG_MAP
            yield source, "secret.name", SECRET
    for pull in pod.views("spec.imagePullSecrets"):
        yield pull, "name", SECRET
    for container in containers(pod):
        for source in container.views("envFrom"):
            yield source, "configMapRef.name", CONFIG_MAP
            yield source, "secretRef.name", SECRET
        for variable in container.views("env"):
            yield variable, "valueFrom.configMapKeyRef.name", CONFIG_MAP
            yield variable, "valueFrom.secretKeyRef.name", SECRET


@PACK.rule(
    "workload-network-policies",
    *POD_OWNERS,
    title="A NetworkPolicy limits every pod's traffic, in both directions",
    why="A pod that no policy selects may call, and be called by, everything in the cluster.",
    fix="Declare a default deny for the namespace; add rules with `allow` in `components/workload/network_policies.py`.",
    severity="high",
    frameworks=("CIS EKS 4.3.2", "NSA Kubernetes Hardening"),
)
def network_policies(view: View, index: ResourceIndex) -> Iterator[Problem]:
    """Yield a problem if no NetworkPolicy limits the ingress or the egress of a pod.

    A namespace's default policy is sufficient. NetworkPolicies do not apply to pods in the host's network.
    """
    pod = pod_of(view)
    if pod.flag("spec.hostNetwork"):
        return
    covered = {
        direction
        for policy in index.of(NETWORK_POLICY)
        if namespace_of(policy) == namespace_of(view) and selects(policy.view("spec.podSelector"), labels_of(pod))
        for direction in _directions(policy)
    }
    for direction in ("Ingress", "Egress"):
        if direction not in covered:
            yield at(
                view,
                "",
                f"no NetworkPolicy limits the {direction.lower()} of the pods",
                f"add a {NETWORK_POLICY} for {namespace_of(view)}",
            )


def _directions(policy: View) -> list[str]:
    given = policy.texts("spec.policyTypes")
    return given or ["Ingress", *(["Egress"] if policy.values("spec.egress") else [])]


@PACK.rule(
    "workload-network-policy-narrow",
    NETWORK_POLICY,
    title="No NetworkPolicy allows ingress from everyone, or traffic on every port",
    why="One such policy cancels all others, because traffic is allowed if any policy allows it.",
    fix="Name the pods or networks, and the ports.",
    severity="high",
    frameworks=("NSA Kubernetes Hardening",),
)
def network_policy_narrow(view: View) -> Iterator[Problem]:
    """Yield a problem for an ingress rule that allows all peers, and for any rule that allows all ports.

    All pods of the cluster, and networks that together are a large part of the internet, count as all peers.
    """
    for direction, peers in (("ingress", "from"), ("egress", "to")):
        rules = view.views(f"spec.{direction}")
        for rule in rules:
            every_port = _every_port(rule)
            if _everyone(rule, peers) and (direction == "ingress" or every_port):
                yield at(
                    rule, peers, f"{direction} is allowed for everyone", f"name the pods or networks in {peers}, and the ports"
                )
            elif every_port:
                yield at(rule, "ports", f"{direction} is allowed on every port", "name the ports")
        reported = any(_everyone(rule, peers) for rule in rules)
        networks = [network for rule in rules for network in _networks(rule, peers)]
        if direction == "ingress" and not reported and (world := internet_in(networks)):
            yield at(view, "spec.ingress", f"ingress is allowed for everyone: {world}", "name smaller networks")


MOST_PORTS = 2**15
"""A rule that opens more ports than this counts as opening every port. The ephemeral ports (32768 to 60999) are fewer."""


def _every_port(rule: View) -> bool:
    count: dict[str, int] = {}
    for each in rule.views("ports"):
        if each.get("port") is None:
            return True
        last = each.number("endPort")
        opened = 1 if last is None else int(last - (each.number("port") or 0)) + 1
        count[each.text("protocol", "TCP")] = count.get(each.text("protocol", "TCP"), 0) + opened
    return not count or max(count.values()) > MOST_PORTS


def _networks(rule: View, peers: str) -> list[str]:
    return [network for peer in rule.views(peers) if (network := peer.text("ipBlock.cidr"))]


def _everyone(rule: View, peers: str) -> bool:
    named = rule.views(peers)
    return not named or bool(internet_in(_networks(rule, peers))) or any(_every_pod(peer) for peer in named)


def _every_pod(peer: View) -> bool:
    """Whether the peer is every pod of every namespace."""
    return peer.has("namespaceSelector") and not any(map(_narrows, (peer.view("namespaceSelector"), peer.view("podSelector"))))


def _narrows(selector: View) -> bool:
    """Whether a selector limits what it selects.

    ``NotIn`` and ``DoesNotExist`` select everything else. ``Exists`` with ``kubernetes.io/metadata.name`` selects every namespace,
    because every namespace has this label.
    """
    return bool(selector.map("matchLabels")) or any(
        each.text("operator") == "In" or (each.text("operator") == "Exists" and each.text("key") != "kubernetes.io/metadata.name")
        for each in selector.views("matchExpressions")
    )
