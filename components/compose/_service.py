"""The types that describe the services of the Docker stack. The compose file and the Docker resources are generated from them."""

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
    """The value from the settings: for a variable, its default."""
    return text.default if isinstance(text, ComposeVariable) else text


@dataclass(frozen=True, kw_only=True)
class Publication:
    """A port of a container, and the port of the host on which Docker publishes it."""

    host: int
    container: int


@dataclass(frozen=True, kw_only=True)
class Folder:
    """Configuration files that are mounted read-only at ``target``. ``files`` contains their text by relative path.

    ``name`` is unique in the stack. It is the name of the folder in ``config``, and part of the volume's name on a Docker host.
    """

    name: str
    target: str
    files: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class SecretFile:
    """A secret that is mounted as a file at ``target``; ``secret`` is the secret's name, such as ``redis_password``."""

    secret: str
    target: str
    optional: bool = False
    """Whether the service also runs without the secret.

    Without the secret, Docker Compose mounts an empty file, which `dwcp compose secrets` creates, and the Docker resources mount no
    file.
    """


@dataclass(frozen=True, kw_only=True)
class Data:
    """A volume that persists when its container is removed."""

    volume: str
    target: str


@dataclass(frozen=True, kw_only=True)
class HealthCheck:
    """A command that exits with 0 in a healthy container.

    In the first ``start_seconds``, failures count only after the first success.
    """

    command: tuple[str, ...]
    interval_seconds: int = 5
    timeout_seconds: int = 5
    retries: int = 3
    start_seconds: int = 30


def duration(seconds: int) -> str:
    """A duration of less than an hour as Docker reports it, such as ``5m0s``. With ``300s``, every preview would show a change."""
    minutes, rest = divmod(seconds, 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"


@dataclass(frozen=True, kw_only=True)
class Service:
    """One container.

    The compose file and the Docker resources add the options that all containers share: a read-only root file system, no
    capabilities, no new privileges, limited logs, and the restart policy ``unless-stopped``.
    """

    name: str
    image: Text
    user: str
    health: HealthCheck
    cpus: Decimal
    memory_mib: int
    dockerfile: str = ""
    """Name of the Dockerfile from which Docker Compose builds a missing image; empty if Docker Compose never builds the image."""
    networks: tuple[NetworkName, ...] = ()
    """The networks of the container; empty only with ``sees_host``."""
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
    """Whether the container has access to the host's network, processes and files (read-only, at ``HOST_FOLDER``).

    Only node-exporter has this access.
    """
    stop_seconds: int = 10
    """Seconds between SIGTERM and SIGKILL."""
    after: tuple[str, ...] = ()
    """Names of the services that must be healthy before this service starts."""


HOST_FOLDER = "/host"
PIDS = 256
"""Maximum number of processes and threads per container in the compose file. Every service needs less than half of this number."""
SCRATCH_MIB = 64
LOG_SIZE = "10m"
LOG_FILES = "3"
"""Maximum size and number of a container's log files; by default, Docker keeps all output."""


@dataclass(frozen=True, kw_only=True)
class Stack:
    """All services, the host's address on which their ports are published, and the subnet of the network ``monitoring``."""

    name: str
    services: tuple[Service, ...]
    publish_address: str
    """The host's address on which all ports are published."""
    subnet: str
    """CIDR of the network ``monitoring``."""
    gateway: str
    """The host's address in the network ``monitoring``, on which node-exporter listens."""

    @property
    def networks(self) -> Mapping[NetworkName, bool]:
        """The networks by name. The value states whether the network is internal, that is, has no access to other networks."""
        return {"frontend": False, "data": True, "monitoring": False}

    @property
    def secrets(self) -> tuple[str, ...]:
        """The names of the secrets that the services read."""
        return tuple(sorted({each.secret for service in self.services for each in service.secrets}))

    @property
    def volumes(self) -> tuple[str, ...]:
        """The names of the volumes that persist when containers are removed."""
        return tuple(sorted({each.volume for service in self.services for each in service.data}))
