"""What a service of the Docker stack is: one description, from which the compose file and the Docker resources are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

NetworkName = Literal["frontend", "data", "monitoring"]


@dataclass(frozen=True, kw_only=True)
class Variable:
    """A value that a user of the compose file may change by an environment variable; a stack's settings give ``default``."""

    name: str
    default: str


Text = str | Variable


def plain(text: Text) -> str:
    """A value as the settings give it."""
    return text.default if isinstance(text, Variable) else text


@dataclass(frozen=True, kw_only=True)
class Publication:
    """A port of a container that the host answers on, at the stack's address."""

    host: int
    container: int


@dataclass(frozen=True, kw_only=True)
class Folder:
    """Configuration files that a container sees under ``target``, read-only: text by path below it.

    ``name`` is unique in the stack: the folder beside the compose file, part of the volume's name on a Docker host.
    """

    name: str
    target: str
    files: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class SecretFile:
    """A secret as a file at ``target`` that the container may read; ``secret`` is ``redis_password`` or the like."""

    secret: str
    target: str
    optional: bool = False
    """Whether an empty file is one that is not used, which the service takes care of."""


@dataclass(frozen=True, kw_only=True)
class Data:
    """A volume that outlives its container."""

    volume: str
    target: str


@dataclass(frozen=True, kw_only=True)
class HealthCheck:
    """``command`` ends with 0 in a healthy container. A failure counts only after ``start_seconds``."""

    command: tuple[str, ...]
    interval_seconds: int = 5
    timeout_seconds: int = 5
    retries: int = 3
    start_seconds: int = 30


@dataclass(frozen=True, kw_only=True)
class Service:
    """One container. What every one of them has in common is not said here but in the two makers:

    a read-only root, no capabilities, no new privileges, a limit of processes, bounded logs, a restart unless it was stopped.
    """

    name: str
    image: Text
    user: str
    health: HealthCheck
    cpus: Decimal
    memory_mib: int
    dockerfile: str = ""
    """Builds the image from the folder of the compose file, where it is one of ours and none has pulled it yet."""
    networks: tuple[NetworkName, ...] = ()
    """None only with ``sees_host``."""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: Mapping[str, Text] = field(default_factory=dict[str, Text])
    ports: tuple[Publication, ...] = ()
    folders: tuple[Folder, ...] = ()
    secrets: tuple[SecretFile, ...] = ()
    data: tuple[Data, ...] = ()
    scratch: tuple[str, ...] = ()
    """Folders in memory."""
    sees_host: bool = False
    """The host's network, processes and, read-only at ``HOST_FOLDER``, its files: for the exporter of the host's metrics alone."""
    stop_seconds: int = 10
    """Between the order to stop and the kill."""
    after: tuple[str, ...] = ()
    """Services that have to be healthy first."""


HOST_FOLDER = "/host"
PIDS = 256
"""Processes and threads of one container; none of the seven needs half of it."""
SCRATCH_MIB = 64
LOG_SIZE = "10m"
LOG_FILES = "3"
"""Docker keeps a container's output for ever otherwise."""


@dataclass(frozen=True, kw_only=True)
class Stack:
    """All services, and what they share."""

    name: str
    services: tuple[Service, ...]
    publish_address: str
    """Of the host, for every published port."""
    subnet: str
    """Of the network ``monitoring``: the exporter of the host's metrics listens on its gateway, where only the stack reaches it."""

    @property
    def networks(self) -> Mapping[NetworkName, bool]:
        """Each network, and whether it has no way out."""
        return {"frontend": False, "data": True, "monitoring": False}

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secrets that some service reads."""
        return tuple(sorted({each.secret for service in self.services for each in service.secrets}))

    @property
    def optional_secrets(self) -> tuple[str, ...]:
        """Those of them whose file may be empty."""
        return tuple(sorted({each.secret for service in self.services for each in service.secrets if each.optional}))

    @property
    def volumes(self) -> tuple[str, ...]:
        """The volumes that outlive the containers."""
        return tuple(sorted({each.volume for service in self.services for each in service.data}))
