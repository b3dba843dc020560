"""What containers run, how much they may use, and how they are watched."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, cast

from components.settings.quantities import parse_quantity
from policies import credentials
from policies.limits import Limits
from policies.rule import Pack, Problem, at
from policies.rules.images import image_problems
from policies.rules.kinds import POD_OWNERS, SERVERS, containers, pod_of
from policies.views import UnknownValueError, View
from program.paths import text
from program.protocol import UNKNOWNS
from program.types import CONFIG_MAP, INGRESS, NAMESPACE, RELEASE, SECRET, SERVICE

PACK = Pack("workload")


PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
HANDLERS = ("httpGet", "tcpSocket", "exec", "grpc")


@PACK.resource(
    "workload-images",
    *POD_OWNERS,
    title="Every image is one release, from a registry that we trust",
    why="A floating tag changes under a running service; an image from elsewhere is somebody's program with our secrets.",
    fix="Name the image by digest or full version, from a registry that is listed.",
    severity="high",
    frameworks=("CIS EKS 5.1.4", "NSA Kubernetes Hardening"),
    parameters=("trusted_registries",),
)
def images(view: View, limits: Limits) -> Iterator[Problem]:
    """A digest, or a tag with a whole version."""
    for container in containers(pod_of(view)):
        for message, fix in image_problems(container.text("image"), limits.trusted_registries):
            yield at(container, "image", message, fix)


@PACK.resource(
    "workload-resources",
    *POD_OWNERS,
    title="Every container says what it needs and what it may use",
    why="Without requests the scheduler and the autoscaler are blind; without limits one container takes the machine.",
    fix="Set requests and limits of CPU and memory for every container.",
    severity="high",
    frameworks=("guide: Resource Limits", "NSA Kubernetes Hardening"),
)
def resources_given(view: View, limits: Limits) -> Iterator[Problem]:
    """CPU and memory, both."""
    del limits
    for container in containers(pod_of(view)):
        for kind in ("requests", "limits"):
            for what, example in (("cpu", "500m"), ("memory", "512Mi")):
                path = f"resources.{kind}.{what}"
                if container.quantity(path) is None:
                    yield at(
                        container, path, f"{container.text('name')} has no {what} {kind[:-1]}", f"set {path}, such as {example}"
                    )


@PACK.resource(
    "workload-resource-bounds",
    *POD_OWNERS,
    title="Requests and limits are within the guide's",
    why="More than a machine can give is never scheduled; less than the service needs is killed at the first load.",
    fix="Keep requests of the application at 500m/512Mi or more, and every limit at 2000m/2Gi or less.",
    severity="medium",
    frameworks=("guide: Resource Limits",),
    parameters=("application", "minimum_cpu", "minimum_memory", "maximum_cpu", "maximum_memory"),
)
def resource_bounds(view: View, limits: Limits) -> Iterator[Problem]:
    """The application's requests from 500m/512Mi; nobody's limits above 2000m/2Gi."""
    lowest = {"cpu": limits.minimum_cpu, "memory": limits.minimum_memory}
    highest = {"cpu": limits.maximum_cpu, "memory": limits.maximum_memory}
    for container in containers(pod_of(view)):
        for what, most in highest.items():
            path = f"resources.limits.{what}"
            limit = container.quantity(path)
            if limit is not None and limit > parse_quantity(most):
                yield at(container, path, f"{container.get(path)} is above {most}", f"set {path} to {most} or less")
        for what, least in lowest.items() if container.text("name") == limits.application else ():
            path = f"resources.requests.{what}"
            request = container.quantity(path)
            if request is not None and request < parse_quantity(least):
                yield at(container, path, f"{container.get(path)} is below {least}", f"set {path} to {least} or more")


@PACK.resource(
    "workload-resource-ratio",
    *POD_OWNERS,
    title="Limits are not far above requests",
    why="A machine that promised little and gave much has to take it back: by killing, where it is memory.",
    fix="Raise the request or lower the limit.",
    severity="medium",
    frameworks=("guide: Resource Limits", "EKS best practices: QoS"),
    parameters=("maximum_cpu_ratio", "maximum_memory_ratio"),
)
def resource_ratio(view: View, limits: Limits) -> Iterator[Problem]:
    """CPU up to ten times, memory up to four times; a limit below its request is no limit."""
    for container in containers(pod_of(view)):
        for what, most in (("cpu", limits.maximum_cpu_ratio), ("memory", limits.maximum_memory_ratio)):
            path = f"resources.limits.{what}"
            request, limit = container.quantity(f"resources.requests.{what}"), container.quantity(path)
            if request is None or limit is None:
                continue
            if limit < request:
                yield at(container, path, f"{what} limit is below its request", f"set {path} to the request or more")
            elif request == 0 or limit / request > Decimal(most):
                times = "without a request" if request == 0 else f"{limit / request:.0f} times the request"
                yield at(container, path, f"{what} limit is {times}", f"at most {most} times: raise the request or lower the limit")


@PACK.resource(
    "workload-probes",
    *SERVERS,
    title="Every container has a startup, a liveness and a readiness probe",
    why="Without them traffic hits what cannot answer, what hangs stays, and what starts slowly is killed.",
    fix="Add the three probes with `http_probe` in `components/workload/pods.py`.",
    severity="high",
    frameworks=("guide: Health Checks", "EKS best practices: probes"),
)
def probes(view: View, limits: Limits) -> Iterator[Problem]:
    """Each with a way to ask."""
    del limits
    for container in containers(pod_of(view), every=False):
        for probe in PROBES:
            asked = container.view(probe)
            if not any(asked.has(handler) for handler in HANDLERS):
                name = container.text("name")
                yield at(container, probe, f"{name} has no {probe}", f"add a {probe} with httpGet, tcpSocket, grpc or exec")


@PACK.resource(
    "workload-secrets-by-reference",
    *POD_OWNERS,
    CONFIG_MAP,
    SERVICE,
    INGRESS,
    NAMESPACE,
    RELEASE,
    title="Secrets come as files or by secretKeyRef, never as values",
    why="ConfigMaps, arguments, annotations and values of variables are shown to whoever may look at the workload.",
    fix="Put the value into a Secret, and mount it or use `valueFrom.secretKeyRef`.",
    severity="critical",
    frameworks=("CIS EKS 4.4.1", "guide: Use Kubernetes secrets"),
)
def secrets_by_reference(view: View, limits: Limits) -> Iterator[Problem]:
    """By what a value is called; :func:`~policies.rules.identity.no_literal_secrets` looks at its shape."""
    del limits
    if view.resource.type != RELEASE:
        yield from _named_by_key(view, "metadata.annotations", "the annotation")
    if view.resource.type == CONFIG_MAP:
        for holder in ("data", "binaryData"):
            yield from _named_by_key(view, holder, "the ConfigMap's key")
        for key, value in view.view("data").items():
            for name in _assigned(value):
                yield at(view, "data", f"the ConfigMap's file {key} holds a secret, {name}", FIX)
    elif view.resource.type == RELEASE:
        yield from _of_values(view, view.get("values"))
    elif view.resource.type in POD_OWNERS:
        pod = pod_of(view)
        if pod.path:
            yield from _named_by_key(pod, "metadata.annotations", "the annotation")
        for container in containers(pod):
            yield from _of_container(container)


FIX = "put it into a Secret, and mount it or use valueFrom.secretKeyRef"


def _named_by_key(holder: View, path: str, what: str) -> Iterator[Problem]:
    for key, value in holder.view(path).items():
        if _is_secret(holder, path, key, value):
            yield at(holder, path, f"{what} {key} holds a secret", FIX)


def _is_secret(holder: View, path: str, key: str, value: Any) -> bool:
    """By the key; raises :class:`~policies.views.UnknownValueError` where that says secret and the value is not known."""
    if isinstance(value, str) and value in UNKNOWNS and credentials.named_secret(key, "a value"):
        raise UnknownValueError((*holder.path, *path.split("."), key))
    return credentials.named_secret(key, value)


def _assigned(value: Any) -> list[str]:
    """Names of secrets that a file sets."""
    if not isinstance(value, str) or ("=" not in value and ":" not in value):
        return []
    return [name for name, given in credentials.assigned(value) if credentials.named_secret(name, given)]


def _of_values(view: View, value: Any, key: str = "values") -> Iterator[Problem]:
    """The values of a chart, whatever their depth."""
    if isinstance(value, dict):
        for name, item in cast("dict[str, Any]", value).items():
            yield from _of_values(view, item, name)
    elif isinstance(value, list):
        for item in cast("list[Any]", value):
            yield from _of_values(view, item, key)
    elif _is_secret(view, "values", key, value):
        yield at(view, "values", f"the chart's value {key} holds a secret", "name a Secret that holds it")


def _of_container(container: View) -> Iterator[Problem]:
    for variable in container.views("env"):
        name = variable.text("name")
        if credentials.named_secret(name, variable.get("value")):
            yield at(variable, "value", f"the variable {name} holds a secret", FIX)
        if variable.has("valueFrom.configMapKeyRef") and credentials.named_secret(name, "a value"):
            yield at(variable, "valueFrom.configMapKeyRef", f"{name} comes from a ConfigMap", FIX)
    for key in ("command", "args"):
        words = container.texts(key)
        for index, name in credentials.in_arguments(words):
            yield at(container, key, f"argument {index + 1}, {name}, holds a secret", FIX)


@PACK.resource(
    "workload-literal-secrets",
    SECRET,
    title="The values of Secrets come from the stack's own secrets",
    why="A value that stands in the program is in git for ever, whoever may read the Secret. Only `dwcp` can tell: it looks at the "
    "program with two sets of secrets.",
    fix="Set it with `pulumi config set --secret`.",
    severity="critical",
    frameworks=("guide: Never commit secrets",),
)
def literal_secrets(view: View, limits: Limits) -> Iterator[Problem]:
    """By values that stay the same whatever the stack's secrets are, under names of secrets."""
    del limits
    for path in view.resource.literals:
        if credentials.named_secret(str(path[-1]), "a value"):
            yield Problem(text(path), "the value stands in the program", "set it with `pulumi config set --secret`")
