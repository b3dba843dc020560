"""Rules on the Docker stack. They are equivalent to rules on pods."""

from __future__ import annotations

import re
from collections.abc import Iterator
from posixpath import normpath

from policies.limits import Limits
from policies.rule import Pack, Problem, at
from policies.rules._images import image_problems
from policies.views import ResourceIndex, View
from program.types import CONTAINER, DOCKER_VOLUME, REMOTE_IMAGE

PACK = Pack("docker")

SOCKET = "docker.sock"


@PACK.rule(
    "docker-unprivileged",
    CONTAINER,
    title="No container is privileged or mounts the Docker socket",
    why="A container that is privileged or has the Docker socket has root access to the host.",
    fix="Drop all capabilities, add no-new-privileges, and mount no socket.",
    severity="critical",
    frameworks=("CIS Docker 5.4, 5.5, 5.32", "CIS Docker 5.26"),
)
def unprivileged(view: View) -> Iterator[Problem]:
    """Yield a problem if a container runs as root, has or can gain privileges, or has a device or the Docker socket of the host."""
    if view.flag("privileged"):
        yield at(view, "privileged", "the container is privileged", "set privileged to false")
    if not any(option.startswith("no-new-privileges") and not option.endswith("false") for option in view.texts("securityOpts")):
        yield at(view, "securityOpts", "the container may gain privileges", "add no-new-privileges:true")
    if "ALL" not in [each.removeprefix("CAP_") for each in view.texts("capabilities.drops")]:
        yield at(view, "capabilities.drops", "capabilities are not dropped", "set capabilities.drops to [ALL]")
    for capability in view.texts("capabilities.adds"):
        if capability.removeprefix("CAP_") not in HARMLESS_CAPABILITIES:
            yield at(view, "capabilities.adds", f"{capability} is added", f"leave {capability} out")
    for option in view.texts("securityOpts"):
        if option.endswith(("unconfined", "label:disable", "label=disable")):
            yield at(view, "securityOpts", f"{option} disables a protection", "remove it")
    if view.text("user").partition(":")[0] in ("root", "0"):
        yield at(view, "user", "the container runs as root", "name a user of the image, or leave user out")
    for device in view.views("devices"):
        yield at(device, "hostPath", "the container gets a device of the host", "remove it")
    for mount, key, path, _ in host_paths(view):
        if path.endswith(SOCKET):
            yield at(mount, key, "the Docker socket is mounted", "remove it")


HARMLESS_CAPABILITIES = ("NET_BIND_SERVICE",)

HARMLESS_PATHS = ("/etc/localtime", "/etc/timezone")
"""Paths of the host that a container may mount, because they contain nothing confidential."""


def host_paths(view: View) -> Iterator[tuple[View, str, str, bool]]:
    """Yield each path of the host that a container mounts, or that a volume maps.

    The values are the object and the property that contain the path, its normal form, and whether it is mounted read-only.
    """
    for holder, key, path, read_only in _mounted(view):
        if path.startswith("/"):
            yield holder, key, normpath(f"/{path.lstrip('/')}"), read_only


def _mounted(view: View) -> Iterator[tuple[View, str, str, bool]]:
    if view.resource.type == DOCKER_VOLUME:
        yield _mapped(view, "driverOpts")
        return
    for mount in view.views("volumes"):
        yield mount, "hostPath", mount.text("hostPath"), mount.flag("readOnly")
    for mount in view.views("mounts"):
        if mount.text("type", "bind") == "bind":
            yield mount, "source", mount.text("source"), mount.flag("readOnly")
        yield _mapped(mount, "volumeOptions.driverOptions")


def _mapped(holder: View, key: str) -> tuple[View, str, str, bool]:
    """The folder of the host in the options of a volume driver, as the four values of :func:`host_paths`."""
    options = holder.map(key)
    return holder, key, options.get("device", ""), "ro" in options.get("o", "").split(",")


@PACK.rule(
    "docker-host-isolated",
    CONTAINER,
    DOCKER_VOLUME,
    title="Only node-exporter shares a namespace with its host, or mounts system folders of the host",
    why="A container in the host's network can call services that listen only on the host, and uses the host's ports.",
    fix="Use a network of the stack, and volumes in place of folders of the host.",
    severity="high",
    frameworks=("CIS Docker 5.10", "CIS Docker 5.16, 5.17"),
    parameters=("host_access",),
)
def host_isolated(view: View, limits: Limits) -> Iterator[Problem]:
    """Yield a problem if a container shares a namespace with its host or another container, or mounts a system folder.

    Containers in ``host_access`` may share the namespaces of their host, and mount its folders read-only.
    """
    exempt = (view.text("name") or view.resource.name) in limits.host_access
    for key in ("networkMode", "pidMode", "ipcMode", "usernsMode", "cgroupnsMode") if view.resource.type == CONTAINER else ():
        mode = view.text(key)
        if mode.startswith("container:"):
            yield at(
                view,
                key,
                "the container shares this namespace with another container",
                f"remove {key}, and connect the containers by a network of the stack",
            )
        elif mode == "host" and not exempt:
            yield at(view, key, "the container shares this namespace with its host", f"remove {key}")
    for mount, key, path, read_only in host_paths(view):
        if exempt and not read_only:
            yield at(mount, "readOnly", f"the container can change {path} of the host", "set readOnly to true")
        elif not exempt and SYSTEM_FOLDER.match(path) and path not in HARMLESS_PATHS:
            yield at(mount, key, f"{path} of the host is mounted", "use a volume, or a file of the stack")


SYSTEM_FOLDER = re.compile(
    r"/((var|home|mnt|media)?$|(etc|proc|sys|dev|root|boot|run|usr|bin|sbin|lib|lib64|var/(run|lib|log))(/|$))"
)
"""Folders with which a container can read confidential data of its host, or take control of it."""


@PACK.rule(
    "docker-images",
    REMOTE_IMAGE,
    title="Every image resource names one release in a trusted registry",
    why="A floating tag can name another image at the next pull.",
    fix="Name the image by digest or full version, from a trusted registry.",
    severity="high",
    frameworks=("CIS Docker 4.2",),
    parameters=("trusted_registries",),
)
def images(view: View, limits: Limits) -> Iterator[Problem]:
    """Yield the problems of the image reference: a floating tag, an invalid digest or a registry that is not trusted."""
    for message, fix in image_problems(view.text("name"), limits.trusted_registries):
        yield at(view, "name", message, fix)


@PACK.rule(
    "docker-container-image",
    CONTAINER,
    title="A container's image is an image resource of the stack, or names one release in a trusted registry",
    why="A floating tag names the image that the host pulled last, so two hosts can run different images.",
    fix="Use the id of an image resource, or name an image of a trusted registry by digest or full version.",
    severity="high",
    frameworks=("CIS Docker 4.2",),
    deferred=frozenset({"image"}),
    parameters=("trusted_registries",),
)
def container_image(view: View, index: ResourceIndex, limits: Limits) -> Iterator[Problem]:
    """Yield the problems of the image reference.

    The id of an image (a digest, or the output of an image resource) is accepted, because it identifies one image. The rule
    ``docker-images`` checks the image resource.
    """
    image = view.text("image")
    declared = index.sources(view, "image", REMOTE_IMAGE) if view.has_or_depends("image") else []
    if not image.startswith("sha256:") and image not in {each.resource.id for each in declared}:
        for message, fix in image_problems(image, limits.trusted_registries):
            yield at(view, "image", message, fix)


@PACK.rule(
    "docker-limits",
    CONTAINER,
    title="Every container has a memory limit, and a CPU limit or CPU shares",
    why="Otherwise one container can use all memory of the host, or slow down all other containers.",
    fix="Set `memory` and `cpus`.",
    severity="high",
    frameworks=("CIS Docker 5.11, 5.12", "guide: Docker Compose Stack"),
)
def resource_limits(view: View) -> Iterator[Problem]:
    """Yield a problem if a container has no memory limit, or neither a CPU limit nor CPU shares."""
    if not view.number("memory"):
        yield at(view, "memory", "memory has no limit", "set memory, in MiB")
    if not (view.text("cpus") or view.number("cpuQuota") or view.number("cpuShares")):
        yield at(view, "cpus", "CPU has no limit", 'set cpus, such as "2.0"')


@PACK.rule(
    "docker-restarts",
    CONTAINER,
    title="Every container has a health check and restarts automatically",
    why="Otherwise a container that hangs or ends stays down.",
    fix="Set `restart` to unless-stopped, and a health check.",
    severity="medium",
    frameworks=("CIS Docker 4.6, 5.15", "guide: Docker Compose Stack"),
)
def restarts(view: View) -> Iterator[Problem]:
    """Yield a problem if a container has no restart policy or no health check. A helper that is never started needs neither."""
    if not view.flag("start", default=True):
        return
    if view.text("restart", "no") not in ("always", "unless-stopped", "on-failure"):
        yield at(view, "restart", "the container stays down", "set restart to unless-stopped")
    if not view.texts("healthcheck.tests"):
        yield at(view, "healthcheck.tests", "no health check", "set healthcheck.tests")
