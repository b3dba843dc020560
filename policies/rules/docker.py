"""The Docker stack: the same limits as in the cluster, as far as Docker has words for them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from policies.limits import Limits
from policies.rule import Pack, Problem, at
from policies.rules.images import image_problems
from policies.views import View
from program.types import CONTAINER, REMOTE_IMAGE

PACK = Pack("docker")

SOCKET = "docker.sock"


@PACK.resource(
    "docker-unprivileged",
    CONTAINER,
    title="No container is privileged or holds the engine's socket",
    why="Either is root on the machine.",
    fix="Drop all capabilities, add no-new-privileges, and mount no socket.",
    severity="critical",
    frameworks=("CIS Docker 5.4, 5.5, 5.32", "CIS Docker 5.26"),
)
def unprivileged(view: View, limits: Limits) -> Iterator[Problem]:
    """No privileges, none gained, no socket, no device."""
    del limits
    if view.flag("privileged"):
        yield at(view, "privileged", "the container is privileged", "set privileged to false")
    if not any(option.startswith("no-new-privileges") and not option.endswith("false") for option in view.texts("securityOpts")):
        yield at(view, "securityOpts", "the container may gain rights", "add no-new-privileges:true")
    if "ALL" not in [each.removeprefix("CAP_") for each in view.texts("capabilities.drops")]:
        yield at(view, "capabilities.drops", "capabilities are not dropped", "set capabilities.drops to [ALL]")
    for capability in view.texts("capabilities.adds"):
        if capability.removeprefix("CAP_") not in HARMLESS_CAPABILITIES:
            yield at(view, "capabilities.adds", f"{capability} is added", f"leave {capability} out")
    for option in view.texts("securityOpts"):
        if option.endswith(("unconfined", "label:disable", "label=disable")):
            yield at(view, "securityOpts", f"{option} switches a protection off", "leave it out")
    for device in view.views("devices"):
        yield at(device, "hostPath", "a device of the host is handed on", "leave it out")
    for mount, key, path, _ in host_paths(view):
        if path.rstrip("/").endswith(SOCKET):
            yield at(mount, key, "the engine's socket is mounted", "leave it out")


HARMLESS_CAPABILITIES = ("NET_BIND_SERVICE",)

HARMLESS_FOLDERS = ("/etc/localtime", "/etc/timezone")
"""What of a host tells nothing and changes nothing."""


def host_paths(view: View) -> Iterator[tuple[View, str, str, bool]]:
    """Each path of the host that a container mounts, with where it says so and whether it is read only."""
    for mount in view.views("volumes"):
        if mount.text("hostPath").startswith("/"):
            yield mount, "hostPath", mount.text("hostPath"), mount.flag("readOnly")
    for mount in view.views("mounts"):
        if mount.text("type", "bind") == "bind" and mount.text("source").startswith("/"):
            yield mount, "source", mount.text("source"), mount.flag("readOnly")


@PACK.resource(
    "docker-host-isolated",
    CONTAINER,
    title="Only node-exporter sees its host",
    why="In the host's network a container reaches what listens on the machine only, and takes its ports.",
    fix="Use a network of the stack.",
    severity="high",
    frameworks=("CIS Docker 5.10", "CIS Docker 5.16, 5.17"),
    parameters=("host_access",),
)
def host_isolated(view: View, limits: Limits) -> Iterator[Problem]:
    """By name; what may look may not change anything."""
    looks = (view.text("name") or view.resource.name) in limits.host_access
    for key in ("networkMode", "pidMode", "ipcMode", "usernsMode", "cgroupnsMode"):
        mode = view.text(key)
        if mode.startswith("container:"):
            yield at(view, key, "the container shares another one's", f"leave {key} out and use a network of the stack")
        elif mode == "host" and not looks:
            yield at(view, key, "the container shares its host's", f"leave {key} out and use a network of the stack")
    for mount, key, path, read_only in host_paths(view):
        if looks and not read_only:
            yield at(mount, "readOnly", f"{path} of the host can be changed", "set readOnly to true")
        elif not looks and SYSTEM_FOLDER.match(path) and path not in HARMLESS_FOLDERS:
            yield at(mount, key, f"{path} of the host is mounted", "use a volume, or a file of the stack")


SYSTEM_FOLDER = re.compile(r"/$|/(etc|proc|sys|dev|root|boot|run|usr|bin|sbin|lib|lib64|var/(run|lib|log))(/|$)")
"""Folders by which a container learns of its host, or takes it over."""


@PACK.resource(
    "docker-images",
    REMOTE_IMAGE,
    title="Every image is one release, from a registry that we trust",
    why="A floating tag changes with the next pull.",
    fix="Name the image by digest or full version, from a registry that is listed.",
    severity="high",
    frameworks=("CIS Docker 4.2",),
    parameters=("trusted_registries",),
)
def images(view: View, limits: Limits) -> Iterator[Problem]:
    """A digest, or a tag with a whole version."""
    for message, fix in image_problems(view.text("name"), limits.trusted_registries):
        yield at(view, "name", message, fix)


@PACK.resource(
    "docker-container-image",
    CONTAINER,
    title="A container runs an image of the stack, or one release by name",
    why="An image by a floating name is whatever the machine pulled last.",
    fix="Use the id of an image resource, or a full version.",
    severity="high",
    frameworks=("CIS Docker 4.2",),
    deferred=frozenset({"image"}),
    parameters=("trusted_registries",),
)
def container_image(view: View, limits: Limits) -> Iterator[Problem]:
    """The id that the engine gave an image is as fixed as a digest."""
    image = view.text("image")
    if not image.startswith("sha256:") and "-id" not in image[-3:]:
        for message, fix in image_problems(image, limits.trusted_registries):
            yield at(view, "image", message, fix)


@PACK.resource(
    "docker-limits",
    CONTAINER,
    title="Every container says what it may use",
    why="One container would otherwise take the machine.",
    fix="Set `memory` and `cpus`.",
    severity="high",
    frameworks=("CIS Docker 5.11, 5.12", "guide: Docker Compose Stack"),
)
def resource_limits(view: View, limits: Limits) -> Iterator[Problem]:
    """Memory and CPU."""
    del limits
    if not view.number("memory"):
        yield at(view, "memory", "memory has no limit", "set memory, in MiB")
    if not (view.text("cpus") or view.number("cpuQuota") or view.number("cpuShares")):
        yield at(view, "cpus", "CPU has no limit", 'set cpus, such as "2.0"')


@PACK.resource(
    "docker-restarts",
    CONTAINER,
    title="Every container has a health check and comes back by itself",
    why="What hangs or ends stays that way otherwise.",
    fix="Set `restart` to unless-stopped, and a health check.",
    severity="medium",
    frameworks=("CIS Docker 4.6, 5.15", "guide: Docker Compose Stack"),
)
def restarts(view: View, limits: Limits) -> Iterator[Problem]:
    """A check of its own, or its image's; restarted unless stopped. One that is never started only fills a volume."""
    del limits
    if not view.flag("start", default=True):
        return
    if view.text("restart", "no") not in ("always", "unless-stopped", "on-failure"):
        yield at(view, "restart", "the container stays down", "set restart to unless-stopped")
    if not view.texts("healthcheck.tests"):
        yield at(view, "healthcheck.tests", "nobody asks whether it works", "set healthcheck.tests")
