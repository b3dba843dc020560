"""The settings group ``docker`` of a stack file."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import Annotated, Literal

from annotated_types import Len
from pydantic import AfterValidator
from pydantic.alias_generators import to_camel
from typing_extensions import override

from components.settings.groups._group import Conflict, Group
from components.settings.types import (
    AccountName,
    DockerHost,
    DockerSubnet,
    FolderPath,
    HostAddress,
    ImageReference,
    Port,
    Switch,
    repository,
    unique,
)
from contract import GRAFANA_PORT, GRAFANA_USER


class DockerSettings(Group):
    """The Docker stack of seven services on one Docker host, and the build of the service's image."""

    enabled: Switch = False
    """Whether `pulumi up` creates the services of `docker/compose.yaml` (guide: Docker Compose Stack)."""
    host: DockerHost | None = None
    """URL (`unix://`, `tcp://`, `ssh://`); null means the URL in DOCKER_HOST, or by default this machine (Docker: DOCKER_HOST)."""
    publish_address: HostAddress = "127.0.0.1"
    """Host address of all published ports; an address other than 127.0.0.1 needs a TLS proxy (Docker: published ports)."""
    subnet: DockerSubnet = IPv4Network("172.30.0.0/24")
    """Subnet of the monitoring network; node-exporter listens on the first address of this subnet (Docker: bridge networks)."""
    prometheus_port: Port = 9091
    """Port of Prometheus on the host; port 9090 serves the service's metrics (guide: Docker Compose Stack)."""
    grafana_port: Port = GRAFANA_PORT
    """Port of Grafana on the host (guide: Grafana Dashboards)."""
    alertmanager_port: Port = 9093
    """Port of Alertmanager on the host (Alertmanager: web.listen-address)."""
    grafana_user: AccountName = GRAFANA_USER
    """Grafana's administrator; the password is the secret `grafanaPassword` (guide: Grafana Dashboards)."""
    build_context: FolderPath | None = None
    """Folder of sources from which `pulumi up` builds `application.image`; null builds nothing (guide: Multi-Stage Dockerfile)."""
    build_platforms: Annotated[tuple[Literal["linux/amd64", "linux/arm64"], ...], Len(1), AfterValidator(unique)] = ("linux/amd64",)
    """Platforms of the built image; Docker emulates a platform that the host does not have (Docker: multi-platform builds)."""
    build_push: Switch = True
    """Whether the built image is pushed, with `registryUsername` and `registryToken` (Docker: build outputs)."""
    build_cache: ImageReference | None = None
    """Image in which a build stores its layers as a cache for other machines, or null for no cache (Docker: registry cache)."""

    @override
    def conflicts(self) -> Iterator[Conflict]:
        seen: dict[int, str] = {}
        for field in ("prometheus_port", "grafana_port", "alertmanager_port"):
            port: int = getattr(self, field)
            if port in seen:
                yield field, f"is the same as {to_camel(seen[port])} ({port})", str(port + 1 if port < 65535 else port - 1)
            seen.setdefault(port, field)
        if len(self.build_platforms) > 1 and not self.build_push:
            yield "build_push", "must be true: only a registry holds an image of several platforms", "true"
        if self.build_cache is not None and "@" in self.build_cache:
            reason = "names an image by digest, and a build can store its cache only in a tag"
            tagged = self.build_cache.partition("@")[0]
            yield "build_cache", reason, f"{tagged}:cache" if tagged == repository(tagged) else tagged
