"""The compose file of the Docker stack, and its configuration files.

``make generate`` writes docker/compose.yaml and docker/config from the default settings.
Source: https://github.com/compose-spec/compose-spec/blob/main/spec.md
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, cast

import yaml
from typing_extensions import override

from components.compose._service import (
    HOST_FOLDER,
    LOG_FILES,
    LOG_SIZE,
    PIDS,
    SCRATCH_MIB,
    ComposeVariable,
    HealthCheck,
    Service,
    Stack,
    Text,
    duration,
)
from components.settings import EnvironmentSettings, Settings

HERE = PurePosixPath()

DEFAULTS = Settings.model_construct(environment=EnvironmentSettings(name="production"))
"""The settings of docker/compose.yaml and of the compose file of `dwcp render`.

They are not validated, because the rules for AWS do not apply to Docker.
"""

HEADER = """\
# Generated from components/compose/services.py: edit that file, then run `make generate` for docker/compose.yaml, or
# `./dwcp render` for the guide's files. Images, published ports, and the memory of the service and of Redis are settings, with
# defaults in components/settings/groups/.
#
#   ./dwcp compose secrets --file {file}     creates the missing passwords
#   docker compose -f {file} up -d --wait    `./dwcp compose up`, with the same --file, also checks the machine first
#   docker compose -f {file} logs -f
#   docker compose -f {file} down            add -v to remove the data too
#
# The passwords are files under {secrets}. Environment variables that change the stack:
{variables}
"""


class _Dumper(yaml.SafeDumper):
    """A YAML dumper that writes multi-line strings as blocks, and indents lists below their key."""

    @override
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _block(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return cast(Any, dumper).represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _block)


def compose_file(stack: Stack, *, file: str, support_folder: PurePosixPath = HERE) -> str:
    """The text of a compose file. ``file`` is its path from the folder in which the user runs the commands of the header.

    ``support_folder`` is the path from the compose file's folder to the folder with ``config``, ``secrets`` and the Dockerfiles.
    """
    variables = [variable for service in stack.services for variable in _variables(service)]
    header = HEADER.format(
        file=shlex.quote(file),
        secrets=PurePosixPath(file).parent / support_folder / "secrets",
        variables="\n".join(f"#   {each.name}, by default {each.default}" for each in variables),
    )
    return header + yaml.dump(content(stack, support_folder), Dumper=_Dumper, sort_keys=False, width=132)


def content(stack: Stack, support_folder: PurePosixPath = HERE) -> dict[str, Any]:
    """The compose file as data."""
    return {
        "name": stack.name,
        "services": {service.name: _service(stack, service, support_folder) for service in stack.services},
        "networks": {name: _network(stack, name, internal) for name, internal in stack.networks.items()},
        "volumes": {name: {} for name in stack.volumes},
        "secrets": {name: {"file": _path(support_folder / "secrets" / name)} for name in stack.secrets},
    }


def config_files(stack: Stack) -> Mapping[str, str]:
    """The text of every file in the folder ``config``, by its relative path."""
    return {
        f"{folder.name}/{path}": text
        for service in stack.services
        for folder in service.folders
        for path, text in folder.files.items()
    }


def _variables(service: Service) -> list[ComposeVariable]:
    return [each for each in (service.image, *service.environment.values()) if isinstance(each, ComposeVariable)]


def _network(stack: Stack, name: str, internal: bool) -> dict[str, Any]:
    if internal:
        return {"internal": True}
    return {"ipam": {"config": [{"subnet": stack.subnet}]}} if name == "monitoring" else {}


def _service(stack: Stack, service: Service, support_folder: PurePosixPath) -> dict[str, Any]:
    """A service in the format of Docker Compose, without keys that have no value."""
    parts: dict[str, Any] = {
        "image": _text(service.image),
        "build": {"context": str(support_folder) or ".", "dockerfile": service.dockerfile} if service.dockerfile else None,
        "user": service.user,
        "entrypoint": _escaped(service.entrypoint),
        "command": _escaped(service.command),
        "environment": {name: _text(value) for name, value in service.environment.items()},
        "ports": [_port(stack, each.host, each.container) for each in service.ports],
        "volumes": _volumes(service, support_folder),
        "secrets": [{"source": each.secret, "target": each.target} for each in service.secrets],
        "tmpfs": [f"{path}:size={SCRATCH_MIB}m,mode=1777" for path in service.scratch],
        "networks": list(service.networks),
        **({"network_mode": "host", "pid": "host"} if service.sees_host else {}),
        "depends_on": {name: {"condition": "service_healthy"} for name in service.after},
        "healthcheck": _health(service.health),
        "restart": "unless-stopped",
        "stop_grace_period": f"{service.stop_seconds}s",
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "deploy": {
            "resources": {"limits": {"cpus": f"{service.cpus.normalize():f}", "memory": f"{service.memory_mib}M", "pids": PIDS}}
        },
        "logging": {"driver": "json-file", "options": {"max-size": LOG_SIZE, "max-file": LOG_FILES}},
    }
    return {key: value for key, value in parts.items() if value}


def _text(text: Text) -> str:
    """A value in the format of Docker Compose: a variable with its default, or a string in which every ``$`` is escaped."""
    return f"${{{text.name}:-{text.default}}}" if isinstance(text, ComposeVariable) else text.replace("$", "$$")


def _escaped(arguments: tuple[str, ...]) -> list[str]:
    return [_text(argument) for argument in arguments]


def _port(stack: Stack, host: int, container: int) -> str:
    return f"{stack.publish_address}:{host}:{container}"


def _volumes(service: Service, support_folder: PurePosixPath) -> list[dict[str, Any]]:
    """The mounts of a service. Docker reports a missing folder as an error, and does not create it."""
    data = [{"type": "volume", "source": each.volume, "target": each.target} for each in service.data]
    folders = [
        {
            "type": "bind",
            "source": _path(support_folder / "config" / each.name),
            "target": each.target,
            "read_only": True,
            "bind": {"create_host_path": False},
        }
        for each in service.folders
    ]
    host = {"type": "bind", "source": "/", "target": HOST_FOLDER, "read_only": True}
    return [*data, *folders, *([host] if service.sees_host else [])]


def _health(check: HealthCheck) -> dict[str, Any]:
    return {
        "test": ["CMD", *_escaped(check.command)],
        "interval": duration(check.interval_seconds),
        "timeout": duration(check.timeout_seconds),
        "retries": check.retries,
        "start_period": duration(check.start_seconds),
    }


def _path(path: PurePosixPath) -> str:
    """A relative path with a leading dot, because Docker Compose interprets a name without a dot as a volume."""
    return f"./{path}"
