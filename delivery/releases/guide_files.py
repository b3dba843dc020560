"""The guide's files for teams whose scripts name them, made from the evaluated program: manifests, compose file, Dockerfile.

They are for reading and for `kubectl apply` elsewhere; the platform itself is deployed by the program. No Secret is among them: a
placeholder would replace the real one when the files are applied.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, cast

import yaml

from components.compose.compose_file import DEFAULTS, compose_file, config_files
from components.compose.services import stack as docker_services
from contract import APPLICATION
from delivery.errors import DeliveryError
from program.evaluation import CHECKOUT, evaluate_here
from program.graph import Graph, Resource, unknown_paths

FOLDER = "deployments"
COMPOSE = f"docker-compose-{APPLICATION}.yml"
DOCKERFILE = f"Dockerfile.{APPLICATION}"
DEPLOYMENT = f"k8s/{APPLICATION}-deployment.yaml"
MONITORING = f"k8s/{APPLICATION}-monitoring.yaml"
SECRET_TYPE = "kubernetes:core/v1:Secret"
MONITORING_TYPE = "dwcp:platform:Monitoring"

FIRST_KINDS = ("Namespace", "PriorityClass", "StorageClass", "ServiceAccount", "Role", "ClusterRole", "ConfigMap")
"""What others need, in the order in which `kubectl apply` has to find it."""

HEADER = """\
# Made by `dwcp render --environment {stack}` from the program: a change here is lost with the next run.
# Left out, so that no apply replaces a real one: {secrets}. They must be there, with these keys.{rest}
"""


def render(stack: str, checkout: Path = CHECKOUT) -> dict[PurePosixPath, str]:
    """The text of each of the guide's files by its path below ``deployments``, for ``stack`` as it would be made first."""
    graph = evaluate_here(stack, preview=True)
    objects = [each for each in graph.resources if each.custom and each.type.startswith("kubernetes:")]
    ours = {False: list[Resource](), True: list[Resource]()}
    for each in objects:
        ours[_is_monitoring(graph, each)].append(each)
    texts = {
        PurePosixPath(DEPLOYMENT): manifests(stack, ours[False]),
        PurePosixPath(MONITORING): manifests(stack, ours[True]),
        PurePosixPath("docker", DOCKERFILE): (checkout / "docker" / DOCKERFILE).read_text(),
        PurePosixPath("docker", f"{DOCKERFILE}.dockerignore"): (checkout / "docker" / f"{DOCKERFILE}.dockerignore").read_text(),
    }
    return texts | _docker_files()


def write(texts: dict[PurePosixPath, str], folder: Path) -> None:
    """Write the files below ``folder``; raises when the disk refuses."""
    try:
        shutil.rmtree(folder / "docker/config", ignore_errors=True)
        for path, text in texts.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
    except OSError as error:
        raise DeliveryError(f"cannot write {error.filename}: {error.strerror}", "name another folder with --into") from error


def _docker_files() -> dict[PurePosixPath, str]:
    services = docker_services(DEFAULTS)
    beside = PurePosixPath("docker")
    texts = {PurePosixPath(COMPOSE): compose_file(services, file=f"{FOLDER}/{COMPOSE}", beside=beside)}
    return texts | {beside / "config" / path: text for path, text in config_files(services).items()}


def manifests(stack: str, resources: list[Resource]) -> str:
    """Kubernetes objects as one file; those that only AWS can complete are left out, and named."""
    whole: list[dict[str, Any]] = []
    left_out: list[str] = []
    secrets: list[str] = []
    for resource in resources:
        if resource.type == SECRET_TYPE:
            secrets.append(_described_secret(resource))
        elif resource.type.startswith("kubernetes:helm.sh"):
            left_out.append(f"the chart {resource.name}")
        elif next(unknown_paths(resource.inputs), None) is not None:
            left_out.append(f"{resource.inputs['kind']} {_name(resource)}")
        else:
            whole.append(manifest(resource))
    whole.sort(key=_rank)
    names = ", ".join(left_out)
    header = HEADER.format(
        stack=stack,
        secrets="; ".join(secrets) or "no Secret",
        rest=f" Left out, since only `pulumi up` can complete them: {names}." if names else "",
    )
    return header + yaml.safe_dump_all(whole, sort_keys=False, width=132)


def manifest(resource: Resource) -> dict[str, Any]:
    """One object without what is said to Pulumi only."""
    metadata: dict[str, Any] = {**resource.inputs.get("metadata", {}), "name": _name(resource)}
    given: dict[str, str] = metadata.pop("annotations", {})
    annotations = {key: value for key, value in given.items() if not key.startswith("pulumi.com/")}
    if annotations:
        metadata["annotations"] = annotations
    rest = {key: value for key, value in resource.inputs.items() if key not in ("apiVersion", "kind", "metadata")}
    return {"apiVersion": resource.inputs["apiVersion"], "kind": resource.inputs["kind"], "metadata": metadata, **rest}


def _name(resource: Resource) -> str:
    return cast("dict[str, str]", resource.inputs.get("metadata", {})).get("name", resource.name)


def _described_secret(resource: Resource) -> str:
    """Its name and its keys."""
    data: dict[str, Any] = resource.inputs.get("data") or resource.inputs.get("stringData") or {}
    keys = ", ".join(sorted(data)) if isinstance(cast(Any, data), dict) else "its keys"
    return f"the Secret {_name(resource)} ({keys})"


def _rank(content: dict[str, Any]) -> int:
    kind: str = content["kind"]
    return FIRST_KINDS.index(kind) if kind in FIRST_KINDS else len(FIRST_KINDS)


def _is_monitoring(graph: Graph, resource: Resource) -> bool:
    return any(each.type == MONITORING_TYPE for each in _parents(graph, resource))


def _parents(graph: Graph, resource: Resource) -> Iterator[Resource]:
    by_urn = graph.by_urn()
    while resource.parent in by_urn:
        resource = by_urn[resource.parent]
        yield resource
