"""Containers. The provider creates a container, connects it to networks, uploads files, starts it, and waits until it is ready."""

from __future__ import annotations

import io
import re
import tarfile
import time
from typing import Any

from docker.errors import APIError, NotFound
from docker.types import Mount

from embedded_cloud import waiting
from embedded_cloud.errors import EmbeddedCloudError
from embedded_cloud.providers.docker.resource import DockerResource
from embedded_cloud.providers.modelled import names, properties
from embedded_cloud.providers.plugin import Properties

MIB = 1024 * 1024
NANO = 1_000_000_000
"""The Docker engine's API has durations in nanoseconds, and CPUs in billionths."""
POLL_SECONDS = 0.25
WAIT_SECONDS = 60
"""The official provider's default of `waitTimeout`."""
ID_LENGTH = 12
"""Length of the short id, which the Docker engine adds to the aliases of the container."""


class Container(DockerResource):
    """A container. Only its restart policy, its memory and its swap can change in place."""

    token = "docker:index/container:Container"
    replace_on = names(
        "name image user entrypoints command envs ports volumes mounts tmpfs networksAdvanced networkMode pidMode healthcheck "
        "readOnly capabilities securityOpts cpus logDriver logOpts stopTimeout uploads"
    )
    updatable = names("restart memory memorySwap")
    provider_only = names("destroyGraceSeconds mustRun start uploads wait waitTimeout")
    defaults = properties(restart="no", start=True, mustRun=True)

    def create(self, inputs: Properties) -> str:
        api: Any = self.client.api
        networks = inputs.get("networksAdvanced", [])
        endpoints = [(each["name"], api.create_endpoint_config(aliases=each.get("aliases"))) for each in networks]
        made = api.create_container(
            inputs["image"],
            name=inputs["name"],
            user=inputs.get("user"),
            entrypoint=inputs.get("entrypoints"),
            command=inputs.get("command"),
            environment=inputs.get("envs"),
            ports=[(each["internal"], each.get("protocol", "tcp")) for each in inputs.get("ports", [])],
            healthcheck=_health_of(inputs["healthcheck"]) if "healthcheck" in inputs else None,
            stop_timeout=inputs.get("stopTimeout"),
            host_config=api.create_host_config(**self._host_config(inputs)),
            networking_config=api.create_networking_config(dict(endpoints[:1])) if endpoints else None,
        )
        id: str = made["Id"]
        try:
            for name, endpoint in endpoints[1:]:
                self.client.api.connect_container_to_network(id, name, aliases=endpoint.get("Aliases"))
            for upload in inputs.get("uploads", []):
                _upload(api, id, upload)
            if inputs["start"]:
                api.start(id)
        except BaseException:
            api.remove_container(id, force=True)
            raise
        return id

    def _host_config(self, inputs: Properties) -> dict[str, Any]:
        networks = inputs.get("networksAdvanced", [])
        capabilities = inputs.get("capabilities", {})
        return {
            "network_mode": networks[0]["name"] if networks else inputs.get("networkMode"),
            "pid_mode": inputs.get("pidMode"),
            "binds": [_bind(each) for each in inputs.get("volumes", [])],
            "mounts": [_mount_of(each) for each in inputs.get("mounts", [])],
            "tmpfs": inputs.get("tmpfs"),
            "port_bindings": {
                f"{each['internal']}/{each.get('protocol', 'tcp')}": _host_port(each) for each in inputs.get("ports", [])
            },
            "restart_policy": {"Name": inputs["restart"]},
            "read_only": inputs.get("readOnly", False),
            "cap_drop": capabilities.get("drops"),
            "cap_add": capabilities.get("adds"),
            "security_opt": inputs.get("securityOpts"),
            "nano_cpus": round(float(inputs["cpus"]) * NANO) if "cpus" in inputs else None,
            "mem_limit": inputs["memory"] * MIB if "memory" in inputs else None,
            "memswap_limit": inputs["memorySwap"] * MIB if "memorySwap" in inputs else None,
            "log_config": {"Type": inputs.get("logDriver", "json-file"), "Config": inputs.get("logOpts", {})},
        }

    def describe(self, id: str) -> Properties | None:
        try:
            container = self.client.containers.get(id)
        except NotFound:
            return None
        attributes: dict[str, Any] = container.attrs
        config, host = attributes["Config"], attributes["HostConfig"]
        networks: dict[str, Any] = attributes["NetworkSettings"]["Networks"]
        mode: str = host["NetworkMode"]
        live = {
            "name": attributes["Name"].removeprefix("/"),
            "image": attributes["Image"],
            "user": config["User"],
            "entrypoints": config["Entrypoint"],
            "command": config["Cmd"],
            "envs": self._own_environment(attributes["Image"], config["Env"] or []),
            "ports": list(_ports(host["PortBindings"] or {})),
            "volumes": [_volume(bind) for bind in host["Binds"] or []],
            "mounts": [_mount_from(each) for each in host.get("Mounts") or []],
            "tmpfs": host.get("Tmpfs"),
            "networkMode": mode if mode in ("host", "none") else "bridge",
            "networksAdvanced": [_network(name, networks[name], id) for name in sorted(networks, key=lambda each: each != mode)],
            "pidMode": host["PidMode"],
            "healthcheck": _health_from(config.get("Healthcheck")),
            "readOnly": host["ReadonlyRootfs"],
            "capabilities": {"drops": host["CapDrop"], "adds": host["CapAdd"]},
            "securityOpts": host["SecurityOpt"],
            "cpus": f"{host['NanoCpus'] / NANO:g}",
            "memory": host["Memory"] // MIB,
            # Without this input, the engine allows as much swap as memory, and reports the sum.
            "memorySwap": host["MemorySwap"] // MIB or None,
            "restart": host["RestartPolicy"]["Name"] or "no",
            "logDriver": host["LogConfig"]["Type"],
            "logOpts": host["LogConfig"]["Config"],
            "stopTimeout": config.get("StopTimeout"),
        }
        if mode in ("host", "none"):
            live["networksAdvanced"] = []
        return {key: value for key, value in live.items() if value not in (None, "", [], {})}

    def _own_environment(self, image: str, environment: list[str]) -> list[str]:
        inherited = set(self.client.images.get(image).attrs["Config"].get("Env") or [])
        return [each for each in environment if each not in inherited]

    def update(self, id: str, old: Properties, new: Properties) -> None:
        if new.get("restart") != old.get("restart"):
            self.client.api.update_container(id, restart_policy={"Name": new["restart"]})
        if any(new.get(key) != old.get(key) for key in ("memory", "memorySwap")):
            memory = new.get("memory", 0)
            swap = new.get("memorySwap", 2 * memory)
            self.client.api.update_container(id, mem_limit=memory * MIB, memswap_limit=swap * MIB)

    def settle(self, id: str, inputs: Properties) -> list[str]:
        """Start the container if it is stopped, and wait until it runs. Return the reasons why it is not ready, or an empty list.

        With ``wait``, also wait until the container is healthy, if it has a health check. Without ``start``, do nothing.
        """
        if not inputs["start"]:
            return []
        container = self.client.containers.get(id)
        if container.status in ("exited", "created"):
            container.start()
        began, status = time.monotonic(), ""
        for _ in waiting.looks(inputs.get("waitTimeout", WAIT_SECONDS), pause=POLL_SECONDS):
            container.reload()
            state: dict[str, Any] = container.attrs["State"]
            health = state.get("Health", {}).get("Status", "")
            status = health if state["Running"] and health else state["Status"]
            if state["Running"] and (health in ("", "healthy") or not inputs.get("wait")):
                return []
            if state["Status"] in ("exited", "dead"):
                if not inputs["mustRun"]:
                    return []
                return [f"the container has ended with exit code {state['ExitCode']}{_last_output(container)}"]
            if health == "unhealthy":
                break
        outputs = [each["Output"].strip() for each in container.attrs["State"].get("Health", {}).get("Log") or []]
        check = f"; its health check printed: {outputs[-1]}" if outputs and outputs[-1] else ""
        return [f"the container is {status} after {time.monotonic() - began:.0f} s{check}{_last_output(container)}"]

    def delete(self, id: str, inputs: Properties) -> None:
        container = self.client.containers.get(id)
        container.stop(timeout=inputs.get("destroyGraceSeconds", 10))
        container.remove(v=True)


def _host_port(port: Properties) -> tuple[str, int] | tuple[str]:
    """The host's address and port of a published port; without a port, Docker chooses a free one."""
    address = port.get("ip", "0.0.0.0")
    return (address, port["external"]) if port.get("external") else (address,)


def _last_output(container: Any) -> str:
    try:
        lines = container.logs(tail=3).decode(errors="replace").strip().splitlines()
    except APIError:
        return ""
    return f"; its last output: {' / '.join(lines)}" if lines else ""


def _bind(volume: Properties) -> str:
    mode = "ro" if volume.get("readOnly") else "rw"
    return f"{volume.get('volumeName') or volume['hostPath']}:{volume['containerPath']}:{mode}"


def _volume(bind: str) -> Properties:
    source, target, mode = bind.split(":")
    key = "hostPath" if source.startswith("/") else "volumeName"
    return {key: source, "containerPath": target, **({"readOnly": True} if mode == "ro" else {})}


def _mount_of(mount: Properties) -> Mount:
    options = mount.get("volumeOptions", {})
    return Mount(
        mount["target"], mount["source"], mount["type"], mount.get("readOnly", False), no_copy=options.get("noCopy", False)
    )


def _mount_from(mount: dict[str, Any]) -> Properties:
    return {
        "type": mount["Type"],
        "source": mount["Source"],
        "target": mount["Target"],
        "readOnly": mount.get("ReadOnly", False),
        "volumeOptions": {"noCopy": mount.get("VolumeOptions", {}).get("NoCopy", False)},
    }


def _ports(bindings: dict[str, Any]) -> Any:
    for key, published in sorted(bindings.items()):
        internal, _, protocol = key.partition("/")
        for each in published or []:
            yield {
                "internal": int(internal),
                "external": int(each["HostPort"]),
                "ip": each["HostIp"] or "0.0.0.0",
                "protocol": protocol,
            }


def _network(name: str, endpoint: Properties, id: str) -> Properties:
    aliases = [each for each in endpoint.get("Aliases") or [] if each != id[:ID_LENGTH]]
    return {"name": name, "aliases": aliases}


def _health_of(check: Properties) -> dict[str, Any]:
    return {
        "test": check["tests"],
        "interval": _nanoseconds(check.get("interval", "0s")),
        "timeout": _nanoseconds(check.get("timeout", "0s")),
        "retries": check.get("retries", 0),
        "start_period": _nanoseconds(check.get("startPeriod", "0s")),
    }


def _health_from(check: dict[str, Any] | None) -> Properties | None:
    if not check:
        return None
    return {
        "tests": check["Test"],
        "interval": _duration(check.get("Interval", 0)),
        "timeout": _duration(check.get("Timeout", 0)),
        "retries": check.get("Retries", 0),
        "startPeriod": _duration(check.get("StartPeriod", 0)),
    }


def _duration(nanoseconds: int) -> str:
    """The duration as Go writes it, which is how the official provider reads it: ``5m0s``, not ``300s``."""
    minutes, seconds = divmod(nanoseconds // NANO, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{seconds}s"
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"


def _nanoseconds(duration: str) -> int:
    match = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(\d+)s", duration)
    if match is None:
        raise EmbeddedCloudError(f"{duration!r} is not a duration in whole seconds", "write it like 30s or 5m0s")
    hours, minutes, seconds = (int(each or 0) for each in match.groups())
    return (hours * 3600 + minutes * 60 + seconds) * NANO


def _upload(api: Any, id: str, upload: Properties) -> None:
    """Write a file that root owns, with its parent folders."""
    content = upload["content"].encode()
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        entry = tarfile.TarInfo(upload["file"].lstrip("/"))
        entry.size = len(content)
        entry.mode = int(upload.get("permissions", "0644"), 8)
        entry.mtime = int(time.time())
        tar.addfile(entry, io.BytesIO(content))
    api.put_archive(id, "/", archive.getvalue())
