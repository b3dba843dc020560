"""The typed description of a Docker stack's services, from which the compose file and the Docker resources are generated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

NetworkName = Literal["frontend", "data", "monitoring"]


@dataclass(frozen=True, kw_only=True)
class ComposeVariable:
    """A value that the user of the compose file can override with the environment variable ``name``.

    ``default`` comes from the stack's settings.
    """

    name: str
    default: str


Text = str | ComposeVariable


def plain(text: Text) -> str:
    """The value from the settings, without the variable."""
    return text.default if isinstance(text, ComposeVariable) else text


@dataclass(frozen=True, kw_only=True)
class Publication:
    """A container's port that is published on the host, at the stack's address."""

    host: int
    container: int


@dataclass(frozen=True, kw_only=True)
class Folder:
    """Configuration files mounted read-only at ``target``: text by relative path.

    ``name`` is unique in the stack: the name of the folder next to the compose file, and a part of the volume's name on a host.
    """

    name: str
    target: str
    files: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class SecretFile:
    """A secret mounted as a file at ``target``; ``secret`` is its name, such as ``redis_password``."""

    secret: str
    target: str
    optional: bool = False
    """Whether the file may be empty, which means that the service does not use the secret."""


@dataclass(frozen=True, kw_only=True)
class Data:
    """A volume that outlives its container."""

    volume: str
    target: str


@dataclass(frozen=True, kw_only=True)
class HealthCheck:
    """A command that exits with 0 in a healthy container. Failures count only after ``start_seconds``."""

    command: tuple[str, ...]
    interval_seconds: int = 5
    timeout_seconds: int = 5
    retries: int = 3
    start_seconds: int = 30


@dataclass(frozen=True, kw_only=True)
class Service:
    """One container. The compose file and the Docker resources add what all containers have in common:

    a read-only root, no capabilities, no new privileges, a process limit, bounded logs, and a restart unless it was stopped.
    """

    name: str
    image: Text
    user: str
    health: HealthCheck
    cpus: Decimal
    memory_mib: int
    dockerfile: str = ""
    """Name of the Dockerfile, next to the compose file, from which compose builds a missing image; empty: never built."""
    networks: tuple[NetworkName, ...] = ()
    """Empty only with ``sees_host``."""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: Mapping[str, Text] = field(default_factory=dict[str, Text])
    ports: tuple[Publication, ...] = ()
    folders: tuple[Folder, ...] = ()
    secrets: tuple[SecretFile, ...] = ()
    data: tuple[Data, ...] = ()
    scratch: tuple[str, ...] = ()
    """Folders in memory (tmpfs)."""
    sees_host: bool = False
    """Access to the host's network and processes, and read-only at ``HOST_FOLDER`` to its files: only for node-exporter."""
    stop_seconds: int = 10
    """Seconds between SIGTERM and SIGKILL."""
    after: tuple[str, ...] = ()
    """Services that must be healthy first."""


HOST_FOLDER = "/host"
PIDS = 256
"""Limit of processes and threads per container; no service of the stack needs half of it."""
SCRATCH_MIB = 64
LOG_SIZE = "10m"
LOG_FILES = "3"
"""Limits of a container's log; by default Docker keeps all output."""


@dataclass(frozen=True, kw_only=True)
class Stack:
    """All services, with the address and network that they share."""

    name: str
    services: tuple[Service, ...]
    publish_address: str
    """The host's address for every published port."""
    subnet: str
    """CIDR of the network ``monitoring``. The exporter of the host's metrics listens on its gateway: only the stack reaches it."""

    @property
    def networks(self) -> Mapping[NetworkName, bool]:
        """Each network, and whether it is internal, that is, without access to the outside."""
        return {"frontend": False, "data": True, "monitoring": False}

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secrets that the services read."""
        return tuple(sorted({each.secret for service in self.services for each in service.secrets}))

    @property
    def optional_secrets(self) -> tuple[str, ...]:
        """The secrets whose file may be empty."""
        return tuple(sorted({each.secret for service in self.services for each in service.secrets if each.optional}))

    @property
    def volumes(self) -> tuple[str, ...]:
        """The volumes that persist when containers are removed."""
        return tuple(sorted({each.volume for service in self.services for each in service.data}))
