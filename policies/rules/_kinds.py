"""Kubernetes objects for the rules: their pods, names and selectors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from policies.views import ResourceIndex, View
from program.normal_form import POD_OWNERS
from program.types import CRON_JOB, DAEMON_SET, DEPLOYMENT, POD, RELEASE, REPLICA_SET, STATEFUL_SET

SERVERS = (DEPLOYMENT, STATEFUL_SET, DAEMON_SET, REPLICA_SET)
"""Kinds whose pods run permanently."""
_TEMPLATES = {CRON_JOB: "spec.jobTemplate.spec.template", POD: ""}


def pod_of(view: View) -> View:
    """The pod template (``metadata`` and ``spec``) of an object, or the object itself if it is a pod."""
    path = _TEMPLATES.get(view.resource.type, "spec.template")
    return view.view(path) if path else view


def containers(pod: View, *, every: bool = True) -> Iterator[View]:
    """The containers of a pod; with ``every``, also the init and ephemeral containers."""
    yield from pod.views("spec.containers")
    if every:
        yield from pod.views("spec.initContainers")
        yield from pod.views("spec.ephemeralContainers")


def name_of(view: View) -> str:
    """The physical name of an object, or its logical name if Pulumi generates the physical name."""
    return view.text("metadata.name") or view.resource.name


def namespace_of(view: View) -> str:
    """The namespace of an object."""
    return view.text("metadata.namespace", "default")


def labels_of(pod: View) -> dict[str, str]:
    """The labels of a pod."""
    return pod.map("metadata.labels")


def selects(selector: View, labels: Mapping[str, str]) -> bool:
    """Whether a label selector (``matchLabels``, ``matchExpressions``) matches ``labels``; an empty selector matches all labels."""
    if any(labels.get(key) != value for key, value in selector.map("matchLabels").items()):
        return False
    return all(_matches(expression, labels) for expression in selector.views("matchExpressions"))


def chosen(holder: View, path: str, labels: Mapping[str, str]) -> bool:
    """Whether an optional label selector matches ``labels``; an absent selector matches no labels, an empty one all labels."""
    return holder.has(path) and selects(holder.view(path), labels)


def _matches(expression: View, labels: Mapping[str, str]) -> bool:
    value, values = labels.get(expression.text("key")), expression.texts("values")
    match expression.text("operator"):
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case _:
            return value is None


def pods_in(index: ResourceIndex, namespace: str) -> Iterator[tuple[View, View]]:
    """The pods in a namespace and the objects that create pods there, each with its pod template (:func:`pod_of`)."""
    for owner in index.of(*POD_OWNERS):
        if namespace_of(owner) == namespace:
            yield owner, pod_of(owner)


def has_chart(index: ResourceIndex, namespace: str) -> bool:
    """Whether a chart is installed in a namespace. The objects of a chart are not in the program, so they cannot be checked."""
    return any(chart.text("namespace", "default") == namespace for chart in index.of(RELEASE))


def exempt(view: View, names: tuple[str, ...]) -> bool:
    """Whether a rule exempts an object, because the object's name is in ``names``."""
    return name_of(view) in names
