"""The images of the platform's pods, in one archive that a node can import."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import contract
from program.evaluation import evaluate
from program.graph import Graph
from sandbox.errors import SandboxError
from sandbox.images import substitutes
from sandbox.images.docker_engine import KEPT, missing, started
from sandbox.project import PROJECT, TOOLCHAIN

PAUSE = "registry.k8s.io/pause:3.8"
RELEASES = ("v3.0.0", "v3.1.0", "v3.2.0")
"""The releases of the service, all built from the same sources."""
KINDS = {
    "redis": "redis",
    "redis_exporter": "redis-exporter",
    "prometheus": "prometheus",
    "alertmanager": "alertmanager",
    "node-exporter": "node-exporter",
    f"{contract.APPLICATION}-grafana": "grafana",
    "kube-state-metrics": "kube-state-metrics",
}
"""The kind of the substitute (a key of ``substitutes.RECIPES``), by the last part of the real image's repository."""


def archive() -> Path:
    """The path of the archive of all images. If the sources have changed since the last archive, build the images first."""
    substitute_images = {KINDS[_repository(image)]: image for image in substituted()}
    own = [f"{contract.IMAGE_REPOSITORY}:{release}" for release in RELEASES]
    names = sorted((*substitute_images.values(), PAUSE, *own))
    sources = [file for file in sorted(substitutes.APP.rglob("*")) if file.is_file() and not _is_built(file)]
    contents = [file.read_bytes() for file in (substitutes.DOCKERFILE, *sources)]
    found = KEPT / f"pods-{substitutes.digest_of(*names, substitutes.everything(), *contents)}.tar"
    if not found.exists():
        if reason := missing():
            raise SandboxError(f"the pods' images cannot be built: {reason}", "fix this problem, or omit PODS=real")
        _build(found, {**substitute_images, "pause": PAUSE, "node": substitutes.node_image()}, names, own)
    return found


def substituted() -> list[str]:
    """The images of the local stack that are replaced by substitutes."""
    return [image for image in sorted(declared()) if _repository(image) in KINDS]


@cache
def declared() -> frozenset[str]:
    """The images of the local stack's Deployments and DaemonSets."""
    found = evaluate([PROJECT.stack])[PROJECT.stack]
    if not isinstance(found, Graph):
        raise SandboxError(f"the program cannot be evaluated: {found}", "fix the program's error")
    workloads = [each for each in found.resources if each.type.endswith((":Deployment", ":DaemonSet"))]
    specs = [each.inputs["spec"]["template"]["spec"] for each in workloads]
    return frozenset(container["image"] for spec in specs for container in spec["containers"])


def _repository(image: str) -> str:
    return image.rpartition("/")[2].partition(":")[0]


def _is_built(file: Path) -> bool:
    return bool({"node_modules", "dist"} & set(file.relative_to(substitutes.APP).parts))


def _build(archive: Path, images: Mapping[str, str], names: list[str], own: list[str]) -> None:
    TOOLCHAIN.ensure("prometheus")
    with TemporaryDirectory(prefix="dwcp-images-") as name, started(Path(name) / "engine") as engine:
        substitutes.ensure(engine, images)
        build = ("docker", "build", "--network", "none", "--file", substitutes.DOCKERFILE, "--build-arg")
        for image in own:
            engine.run(*build, f"VERSION={image.rpartition(':')[2].removeprefix('v')}", "--tag", image, substitutes.APP)
        for old in KEPT.glob("pods-*.tar"):
            old.unlink()
        part = archive.with_suffix(".part")
        engine.run("docker", "save", "--output", part, *names)
        part.rename(archive)
