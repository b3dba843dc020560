"""Rules on containers: images, resources, probes and secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from components.settings.quantities import parse_quantity
from policies import credentials
from policies.limits import Limits
from policies.rule import Pack, Problem, at
from policies.rules._images import image_problems
from policies.rules._kinds import POD_OWNERS, SERVERS, containers, pod_of
from policies.views import UnknownValueError, View
from program import catalogue
from program.paths import text
from program.types import SECRET

PACK = Pack("workload")


PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
HANDLERS = ("httpGet", "tcpSocket", "exec", "grpc")


@PACK.rule(
    "workload-images",
    *POD_OWNERS,
    title="Every container image names one release in a trusted registry",
    why="A floating tag can name another image at the next restart. Code from an unknown registry could read the secrets.",
    fix="Name the image by digest or full version, from a trusted registry.",
    severity="high",
    frameworks=("CIS EKS 5.1.4", "NSA Kubernetes Hardening"),
    parameters=("trusted_registries",),
)
def images(view: View, limits: Limits) -> Iterator[Problem]:
    """Yield the problems of each container's image: a floating tag, an invalid digest or a registry that is not trusted."""
    for container in containers(pod_of(view)):
        for message, fix in image_problems(container.text("image"), limits.trusted_registries):
            yield at(container, "image", message, fix)


@PACK.rule(
    "workload-resources",
    *POD_OWNERS,
    title="Every container has requests and limits",
    why="The scheduler and the autoscaler need requests; without limits one container can use all resources of a node.",
    fix="Set requests and limits of CPU and memory for every container.",
    severity="high",
    frameworks=("guide: Resource Limits", "NSA Kubernetes Hardening"),
)
def resources_given(view: View) -> Iterator[Problem]:
    """Yield a problem if a container has no request or no limit of CPU or memory."""
    for container in containers(pod_of(view)):
        for kind in ("requests", "limits"):
            for what, example in (("cpu", "500m"), ("memory", "512Mi")):
                path = f"resources.{kind}.{what}"
                if container.quantity(path) is None:
                    yield at(
                        container, path, f"{container.text('name')} has no {what} {kind[:-1]}", f"set {path}, such as {example}"
                    )


@PACK.rule(
    "workload-resource-bounds",
    *POD_OWNERS,
    title="Requests and limits are within the bounds in `policies/limits.py`",
    why="A pod that requests more than a node has is never scheduled; a container with too little memory is killed under load.",
    fix="Set the application's requests to the minimum or more, and every limit to the maximum or less.",
    severity="medium",
    frameworks=("guide: Resource Limits",),
    parameters=("application", "minimum_cpu", "minimum_memory", "maximum_cpu", "maximum_memory"),
)
def resource_bounds(view: View, limits: Limits) -> Iterator[Problem]:
    """Yield a problem if a container's limit is above the maximum, or a request of the application is below the minimum."""
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


@PACK.rule(
    "workload-resource-ratio",
    *POD_OWNERS,
    title="Limits are not far above requests",
    why="If the pods of a node use far more than they request, the node runs out of memory and kills pods.",
    fix="Raise the request or lower the limit.",
    severity="medium",
    frameworks=("guide: Resource Limits", "EKS best practices: QoS"),
    parameters=("maximum_cpu_ratio", "maximum_memory_ratio"),
)
def resource_ratio(view: View, limits: Limits) -> Iterator[Problem]:
    """Yield a problem if a limit is below its request, or too many times the request."""
    for container in containers(pod_of(view)):
        for what, most in (("cpu", limits.maximum_cpu_ratio), ("memory", limits.maximum_memory_ratio)):
            path = f"resources.limits.{what}"
            request, limit = container.quantity(f"resources.requests.{what}"), container.quantity(path)
            if request is None or limit is None:
                continue
            if limit < request:
                yield at(container, path, f"{what} limit is below its request", f"set {path} to the request or more")
            elif request == 0 or limit / request > Decimal(most):
                times = "without a request" if request == 0 else f"{float(limit / request):.4g} times the request"
                yield at(
                    container,
                    path,
                    f"{what} limit is {times}",
                    f"lower the limit to at most {most} times the request, or raise the request",
                )


@PACK.rule(
    "workload-probes",
    *SERVERS,
    title="Every container of a server has a startup, a liveness and a readiness probe",
    why="Otherwise pods get traffic too early, hang without a restart, or the liveness probe kills them at a slow start.",
    fix="Add the three probes with `http_probe` in `components/workload/pods.py`.",
    severity="high",
    frameworks=("guide: Health Checks", "EKS best practices: probes"),
)
def probes(view: View) -> Iterator[Problem]:
    """Yield a problem for a missing probe, a liveness probe that checks readiness, and a probe of a port that does not exist."""
    for container in containers(pod_of(view), every=False):
        ports = {port.text("name") for port in container.views("ports")}
        for probe in PROBES:
            declared = container.view(probe)
            if not any(declared.has(handler) for handler in HANDLERS):
                name = container.text("name")
                yield at(container, probe, f"{name} has no {probe}", f"add a {probe} with httpGet, tcpSocket, grpc or exec")
            path = declared.text("httpGet.path")
            if probe == "livenessProbe" and READINESS.search(path):
                message = f"{path} also depends on other services: while one of them fails, every pod is restarted"
                yield at(declared, "httpGet.path", message, "use a path that only checks the process itself, such as /health")
            for handler in ("httpGet", "tcpSocket"):
                port = declared.get(f"{handler}.port")
                if isinstance(port, str) and not port.isdecimal() and port not in ports:
                    yield at(declared, f"{handler}.port", f"the container has no port {port}", "name a port of the container")


READINESS = re.compile(r"/-?/?ready(z|iness)?\b", re.IGNORECASE)
"""Paths of readiness checks, which usually also depend on other services."""


UPLOADS = ("uploads",)
"""Inputs with files that are copied into a Docker container. They may contain secrets, because Docker has no Kubernetes Secrets."""


@PACK.rule(
    "workload-secrets-by-reference",
    "*",
    title="Secrets are passed as files or by secretKeyRef, never as values",
    why="Many people can read ConfigMaps, arguments, annotations, environment variables and the user data of instances.",
    fix="Move the value to a Secret, and mount it or use `valueFrom.secretKeyRef`.",
    severity="critical",
    frameworks=("CIS EKS 4.4.1", "guide: Use Kubernetes secrets"),
)
def secrets_by_reference(view: View) -> Iterator[Problem]:
    """Yield a problem for each value whose name indicates a secret, in any property, file or argument.

    A value that comes from a secret of the stack is a problem whatever its name, except in inputs that are intended for secrets,
    and in files that are copied into a Docker container. Only the program's graph records which values come from a secret; the
    engine does not pass this information to a policy pack. Providers are exempt, because their credentials can only be properties.
    """
    if view.resource.type.startswith("pulumi:providers:"):
        return
    fix = "move it to a Secret, and mount it or use valueFrom.secretKeyRef"
    found = [each for each in view.credentials if each.named]
    for place in found:
        if not place.unknown:
            yield Problem(text(place.path), f"{place.what} contains a secret", fix)
    known = {place.path for place in found}
    intended = (*catalogue.secrets(view.resource.type), *UPLOADS)
    for path in view.resource.secret_paths if view.resource.custom else ():
        if path[0] not in intended and path not in known:
            yield Problem(text(path), "the value comes from a secret of the stack", fix)
    for place in found:
        if place.unknown:
            raise UnknownValueError(place.path)


@PACK.rule(
    "workload-secrets-from-stack",
    SECRET,
    title="The values of Secrets come from the stack's own secrets",
    why="A value in the program stays in git forever. `dwcp` detects such a value by two evaluations with different secrets.",
    fix="Set the value with `pulumi config set --secret`.",
    severity="critical",
    frameworks=("guide: Never commit secrets",),
)
def secrets_from_stack(view: View) -> Iterator[Problem]:
    """Yield a problem for each literal whose name indicates a secret.

    A literal is a value that stays the same when the stack's secrets change.
    """
    for path in view.resource.literals:
        if credentials.named_secret(str(path[-1]), "a value"):
            yield Problem(text(path), "the value is a literal in the program", "set the value with `pulumi config set --secret`")
