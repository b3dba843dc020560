"""The seven services of the Docker stack (guide: Docker Compose Stack), derived from the settings of a Pulumi stack."""

from __future__ import annotations

from decimal import Decimal
from typing import get_args

from components.compose import _files
from components.compose._service import (
    HOST_FOLDER,
    ComposeVariable,
    Data,
    Folder,
    HealthCheck,
    Publication,
    SecretFile,
    Service,
    Stack,
    Text,
)
from components.monitoring import alertmanager_config, grafana_config
from components.monitoring.objectives import Severity
from components.monitoring.prometheus_config import ALERTMANAGER_PORT, RELOAD_ARGUMENTS, external_url
from components.settings import Settings
from components.settings.quantities import mebibytes, parse_quantity
from components.workload import redis
from components.workload.environment import Place, service_environment
from contract import APPLICATION, GRAFANA_PORT, PROMETHEUS_PORT, REDIS_PORT, REDIS_START_SECONDS

APPLICATION_USER = "1001:1001"
"""The user of the service's image (guide, Multi-Stage Dockerfile: nodejs:1001)."""
PROMETHEUS_USER = "65534:65534"
"""User and group id of the Prometheus project's images."""
REDIS_USER = "999:1000"
"""User ``redis`` of the Alpine image: https://github.com/redis/docker-library-redis."""
REDIS_EXPORTER_USER = "59000:59000"
"""Source: https://github.com/oliver006/redis_exporter/blob/master/docker/Dockerfile."""
GRAFANA_USER = "472:0"
"""Source: https://grafana.com/docs/grafana/latest/setup-grafana/configure-docker/."""

REDIS_PASSWORD_FILE = "/run/secrets/redis_password"
SCRATCH_FOLDER = "/tmp"

APPLICATION_STOP_SECONDS = 30
"""Longer than the 25 seconds within which the service stops (docs/app-contract.md)."""
PROMETHEUS_STOP_SECONDS = 120
"""How long Prometheus may write the samples from memory to disk at its shutdown."""

HEALTH_SCRIPT = (
    "fetch('http://127.0.0.1:' + process.env.PORT + '/health')"
    ".then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"
)
"""Health check in Node.js, which every image of the service contains."""

REDIS_SCRIPT = f"""\
set -e
settings=$(cat {redis.CONFIG_FOLDER}/redis.conf)
password=$(cat {REDIS_PASSWORD_FILE})
hash=$(printf %s "$password" | sha256sum | cut -d ' ' -f 1)
exec redis-server - <<CONFIGURATION
$settings
user default on #$hash ~* &* {redis.COMMANDS}
CONFIGURATION
"""
"""Start script of Redis. It passes the hash of the password on standard input, so that only the secret file contains the password.
If the script cannot read a file, the container stops, because Redis must not start with default settings.
"""

REDIS_PING = f'REDISCLI_AUTH="$(cat {REDIS_PASSWORD_FILE})" exec redis-cli -e ping'

REDIS_EXPORTER_SCRIPT = f'REDIS_PASSWORD="$(cat {REDIS_PASSWORD_FILE})" exec /redis_exporter'
"""Start script of the exporter. The exporter expects JSON in a password file, but the secret file contains only the password.

Therefore the script sets ``REDIS_PASSWORD``. ``docker inspect`` does not show the variable, because it is not part of the
container's configuration.
"""


def alertmanager_script(
    folder: str = _files.ALERTMANAGER_FOLDER,
    secrets: str = alertmanager_config.SECRET_FOLDER,
    scratch: str = SCRATCH_FOLDER,
    program: str = "/bin/alertmanager",
) -> str:
    """A shell script that assembles Alertmanager's configuration and starts Alertmanager.

    Each severity gets the receivers whose secret file is not empty.
    """
    config = f"{scratch}/alertmanager.yml"
    receivers = " ".join(get_args(alertmanager_config.Receiver))
    each = f"if [ -s {secrets}/$receiver ]; then cat {folder}/$receiver.yml >> {config}; fi"
    return (
        f"cat {folder}/{alertmanager_config.BASE_FILE} > {config} && "
        f'for severity in {" ".join(get_args(Severity))}; do echo "- name: $severity" >> {config}; '
        f"for receiver in {receivers}; do {each}; done; done && exec {program} --config.file={config}"
    )


def stack(settings: Settings) -> Stack:
    """The Docker stack that the settings of a Pulumi stack define."""
    return Stack(
        name=APPLICATION,
        services=(
            _application(settings),
            _redis(settings),
            _prometheus(settings),
            _grafana(settings),
            _node_exporter(settings),
            _redis_exporter(settings),
            _alertmanager(settings),
        ),
        publish_address=str(settings.docker.publish_address),
        subnet=str(settings.docker.subnet),
        gateway=host_gateway(settings),
    )


def host_gateway(settings: Settings) -> str:
    """The host's address in the network ``monitoring``: by Docker's default, the first address of the subnet."""
    return str(next(settings.docker.subnet.hosts()))


def _application(settings: Settings) -> Service:
    application = settings.application
    place = Place(redis_url=f"redis://redis:{REDIS_PORT}/0", redis_password_file=REDIS_PASSWORD_FILE, home=SCRATCH_FOLDER)
    return Service(
        name=APPLICATION,
        image=ComposeVariable(name="DWCP_IMAGE", default=application.image),
        user=APPLICATION_USER,
        environment=service_environment(settings, place),
        networks=("frontend", "data", "monitoring"),
        ports=(
            Publication(host=application.port, container=application.port),
            Publication(host=application.metrics_port, container=application.metrics_port),
        ),
        secrets=(SecretFile(secret="redis_password", target=REDIS_PASSWORD_FILE),),
        scratch=(SCRATCH_FOLDER,),
        health=HealthCheck(command=("node", "-e", HEALTH_SCRIPT), interval_seconds=10),
        cpus=parse_quantity(application.cpu_limit),
        memory_mib=mebibytes(application.memory_limit),
        stop_seconds=APPLICATION_STOP_SECONDS,
        after=("redis",),
    )


def _redis(settings: Settings) -> Service:
    return Service(
        name="redis",
        image=settings.redis.image,
        user=REDIS_USER,
        entrypoint=("sh", "-c"),
        command=(REDIS_SCRIPT,),
        networks=("data",),
        # The file contains no Redis user, because other users of the host could read the user's password in it.
        folders=(Folder(name="redis", target=redis.CONFIG_FOLDER, files=redis.server_config(settings.redis)),),
        secrets=(SecretFile(secret="redis_password", target=REDIS_PASSWORD_FILE),),
        data=(Data(volume="redis-data", target=redis.DATA_FOLDER),),
        scratch=(SCRATCH_FOLDER,),
        health=HealthCheck(command=("sh", "-c", REDIS_PING), start_seconds=REDIS_START_SECONDS),
        cpus=Decimal("0.5"),
        memory_mib=mebibytes(settings.redis.memory),
        stop_seconds=redis.GRACE_SECONDS,
    )


def _prometheus(settings: Settings) -> Service:
    configuration = _files.prometheus(settings, host_gateway(settings))
    return Service(
        name="prometheus",
        image=settings.monitoring.prometheus_image,
        user=PROMETHEUS_USER,
        command=(
            f"--config.file={_files.PROMETHEUS_FOLDER}/prometheus.yml",
            "--storage.tsdb.path=/prometheus",
            f"--storage.tsdb.retention.time={settings.monitoring.retention_days}d",
            *RELOAD_ARGUMENTS,
            f"--web.external-url={external_url(settings.docker.prometheus_port)}",
            f"--web.listen-address=:{PROMETHEUS_PORT}",
        ),
        networks=("monitoring",),
        ports=(Publication(host=settings.docker.prometheus_port, container=PROMETHEUS_PORT),),
        folders=(Folder(name="prometheus", target=_files.PROMETHEUS_FOLDER, files=configuration),),
        data=(Data(volume="prometheus-data", target="/prometheus"),),
        health=_http_health(PROMETHEUS_PORT, "/-/ready"),
        cpus=Decimal(1),
        memory_mib=1024,
        stop_seconds=PROMETHEUS_STOP_SECONDS,
        after=("alertmanager",),
    )


def _grafana(settings: Settings) -> Service:
    environment: dict[str, Text] = {
        **grafana_config.environment(),
        "GF_SECURITY_ADMIN_USER": ComposeVariable(name="GRAFANA_ADMIN_USER", default=settings.docker.grafana_user),
    }
    return Service(
        name="grafana",
        image=settings.monitoring.grafana_image,
        dockerfile="Dockerfile.grafana",
        user=GRAFANA_USER,
        entrypoint=("/bin/sh", "-c"),
        command=(grafana_config.START_SCRIPT,),
        environment=environment,
        networks=("data", "monitoring"),
        ports=(Publication(host=settings.docker.grafana_port, container=GRAFANA_PORT),),
        folders=(
            Folder(name="grafana", target=grafana_config.PROVISIONING_FOLDER, files=_files.grafana(settings)),
            Folder(name="dashboards", target=grafana_config.DASHBOARD_FOLDER, files=_files.dashboards()),
        ),
        secrets=(
            SecretFile(secret="grafana_password", target=grafana_config.ADMIN_PASSWORD_FILE),
            SecretFile(secret="redis_password", target=grafana_config.REDIS_PASSWORD_FILE),
        ),
        data=(Data(volume="grafana-data", target="/var/lib/grafana"),),
        scratch=(SCRATCH_FOLDER,),
        health=_http_health(GRAFANA_PORT, "/api/health"),
        cpus=Decimal(1),
        memory_mib=512,
        after=("prometheus", "redis"),
    )


def _node_exporter(settings: Settings) -> Service:
    address = f"{host_gateway(settings)}:{_files.NODE_EXPORTER_PORT}"
    return Service(
        name="node-exporter",
        image=settings.monitoring.node_exporter_image,
        user=PROMETHEUS_USER,
        command=(
            f"--path.rootfs={HOST_FOLDER}",
            f"--web.listen-address={address}",
            "--collector.filesystem.mount-points-exclude=^/(dev|proc|run|sys|var/lib/docker/.+)($|/)",
        ),
        sees_host=True,
        health=HealthCheck(command=("wget", "-q", "-O", "/dev/null", f"http://{address}/")),
        cpus=Decimal("0.25"),
        memory_mib=64,
        # node-exporter listens on the gateway address of the network ``monitoring``. This address exists only while the network has
        # a container. node-exporter does not count, because it is in the host's network.
        after=("alertmanager",),
    )


def _redis_exporter(settings: Settings) -> Service:
    return Service(
        name="redis-exporter",
        image=settings.redis.exporter_image,
        user=REDIS_EXPORTER_USER,
        entrypoint=("sh", "-c"),
        command=(REDIS_EXPORTER_SCRIPT,),
        environment={
            "REDIS_ADDR": f"redis://redis:{REDIS_PORT}",
            "REDIS_EXPORTER_CONNECTION_TIMEOUT": redis.EXPORTER_TIMEOUT,
        },
        networks=("data", "monitoring"),
        secrets=(SecretFile(secret="redis_password", target=REDIS_PASSWORD_FILE),),
        health=_http_health(redis.METRICS_PORT, "/health"),
        cpus=Decimal("0.1"),
        memory_mib=64,
        after=("redis",),
    )


def _alertmanager(settings: Settings) -> Service:
    named = settings.monitoring.receivers
    options = (
        "--storage.path=/alertmanager",
        f"--web.listen-address=:{ALERTMANAGER_PORT}",
        "--cluster.listen-address=",
    )
    script = " ".join((alertmanager_script(), *options))
    return Service(
        name="alertmanager",
        image=settings.monitoring.alertmanager_image,
        user=PROMETHEUS_USER,
        entrypoint=() if named else ("sh", "-c"),
        command=(f"--config.file={_files.ALERTMANAGER_FOLDER}/alertmanager.yml", *options) if named else (script,),
        networks=("monitoring",),
        ports=(Publication(host=settings.docker.alertmanager_port, container=ALERTMANAGER_PORT),),
        folders=(Folder(name="alertmanager", target=_files.ALERTMANAGER_FOLDER, files=_files.alertmanager(settings)),),
        secrets=tuple(
            SecretFile(secret=f"alert_{receiver}", target=f"{alertmanager_config.SECRET_FOLDER}/{receiver}", optional=not named)
            for receiver in named or get_args(alertmanager_config.Receiver)
        ),
        data=(Data(volume="alertmanager-data", target="/alertmanager"),),
        scratch=() if named else (SCRATCH_FOLDER,),
        health=_http_health(ALERTMANAGER_PORT, "/-/ready"),
        cpus=Decimal("0.25"),
        memory_mib=128,
    )


def _http_health(port: int, path: str) -> HealthCheck:
    """A health check over HTTP. It uses the IPv4 address, because a name can resolve to IPv6, where some services do not listen."""
    return HealthCheck(command=("wget", "-q", "-O", "/dev/null", f"http://127.0.0.1:{port}{path}"))
