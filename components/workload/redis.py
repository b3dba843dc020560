"""Redis, which holds the service's state on a persistent volume."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import pulumi
from pulumi import ResourceOptions
from pulumi_kubernetes.core.v1 import (
    ContainerArgs,
    ContainerPortArgs,
    EnvVarArgs,
    ExecActionArgs,
    ProbeArgs,
    VolumeMountArgs,
)

from components.component import Component
from components.settings import RedisSettings
from components.settings.quantities import mebibytes
from components.workload import pods
from components.workload.namespace import Namespace
from components.workload.network_policies import Endpoint, allow, from_pods
from components.workload.workloads import Workload
from contract import APPLICATION, REDIS_PORT, REDIS_START_SECONDS

METRICS_PORT = 9121
"""The exporter's default port."""

EXPORTER_TIMEOUT = "3s"
"""How long the exporter waits for Redis. The default, 15 s, is longer than Prometheus' scrape timeout. With the default, each
scrape would fail while Redis hangs, and the alert ``RedisDown`` would have no sample."""

MAXMEMORY_PERCENT = 75
"""``maxmemory`` in percent of the memory limit.

The rest is for client buffers, and for pages that are copied while a forked process rewrites the append-only file.

Source: https://redis.io/docs/latest/operate/oss_and_stack/management/optimization/memory-optimization/
"""

GRACE_SECONDS = 60
"""How long Redis may write the rest of the append-only file at its shutdown."""

COMMANDS = "+@all -@scripting"
"""Allowed Redis commands: all except scripts. The service uses none, and flaws in the script engine allowed code execution."""

CONFIG_FOLDER = "/etc/redis"
SECRET_FOLDER = "/run/secrets/redis"
DATA_FOLDER = "/data"
CLI = f'REDISCLI_AUTH="$(cat {SECRET_FOLDER}/password)" exec redis-cli'
"""Start of the probes' commands. The password is not an argument, because other processes could read it in the process list."""
LOADED = f"{CLI} -e ping"
"""This command fails if Redis does not reply, or replies with an error, for example while it loads its data."""
ANSWERS = f"{CLI} ping"
"""This command fails only if Redis does not reply.

When Redis cannot write to its volume, it replies with an error, but still answers reads. A restart would lose the unwritten data.
"""


@dataclass(frozen=True, kw_only=True)
class RedisArgs:
    """Inputs of :class:`Redis`."""

    settings: RedisSettings
    namespace: Namespace
    password: pulumi.Output[str]


class Redis(Component):
    """One Redis server, which keeps its data across restarts and requires a password.

    This component allows only connections of the service to Redis. The monitoring component also allows connections of
    Prometheus to the exporter, and of the bundled Grafana to Redis.
    """

    host: pulumi.Output[str]
    """Name of the Service."""
    url: pulumi.Output[str]
    """``redis://HOST:PORT/0``, without the password."""
    claim: pulumi.Output[str]
    """Name of the claim that holds the data."""

    def __init__(self, name: str, args: RedisArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        self.password = args.password
        self.endpoint = Endpoint(name, REDIS_PORT)
        self.metrics = Endpoint(name, METRICS_PORT)
        workload = Workload(name=name, namespace=args.namespace, opts=ResourceOptions(parent=self))
        # The namespace component creates the storage class gp3, the default of redis.storageClass.
        after = ResourceOptions(depends_on=[args.namespace])
        self.claim = workload.claim_of(args.settings.storage_class, args.settings.storage, after)
        self.host = workload.service_on(redis=REDIS_PORT, metrics=METRICS_PORT)
        self.url = pulumi.Output.concat("redis://", self.host, f":{REDIS_PORT}/0")
        allow(name, args.namespace.name, name, ingress=[from_pods(APPLICATION, REDIS_PORT)], opts=workload.opts)
        _deployment(workload, args, self.claim)
        self.publish()


def server_config(settings: RedisSettings, *access: str) -> dict[str, str]:
    """``redis.conf``, by file name; ``access`` are the directives on users.

    Source: https://redis.io/docs/latest/operate/oss_and_stack/management/config/
    """
    directives = (
        f"port {REDIS_PORT}",
        f"dir {DATA_FOLDER}",
        *access,
        f"maxmemory {mebibytes(settings.memory) * MAXMEMORY_PERCENT // 100}mb",
        f"maxmemory-policy {settings.maxmemory_policy}",
        'save ""',  # no snapshots besides the append-only file
        "appendonly yes",
        "appendfsync everysec",
    )
    return {"redis.conf": "\n".join(directives) + "\n"}


def _credentials(password: str) -> dict[str, str]:
    """The files with the password: its hash for the server, the password for the probes, and JSON for the exporter."""
    return {
        "users.acl": f"user default on #{hashlib.sha256(password.encode()).hexdigest()} ~* &* {COMMANDS}\n",
        "password": password,
        "exporter.json": json.dumps({f"redis://localhost:{REDIS_PORT}": password}),
    }


def _deployment(workload: Workload, args: RedisArgs, claim: pulumi.Output[str]) -> None:
    files = server_config(args.settings, f"aclfile {SECRET_FOLDER}/users.acl")
    credentials = args.password.apply(_credentials)
    workload.deployment(
        _server(args.settings),
        _exporter(args.settings),
        account=workload.account(),
        volumes=[
            pods.config_volume("config", workload.config(files)),
            pods.secret_volume("secrets", workload.secret(credentials)),
            pods.claim_volume("data", claim),
        ],
        files=files,
        secrets=credentials,
        grace_seconds=GRACE_SECONDS,
    )


def _server(settings: RedisSettings) -> ContainerArgs:
    return ContainerArgs(
        name="redis",
        image=settings.image,
        args=["redis-server", f"{CONFIG_FOLDER}/redis.conf"],
        ports=[ContainerPortArgs(name="redis", container_port=REDIS_PORT)],
        resources=pods.resources(cpu=("100m", "500m"), memory=(settings.memory, settings.memory)),
        security_context=pods.container_security(),
        startup_probe=_probe(LOADED, period_seconds=5, failures=REDIS_START_SECONDS // 5),
        liveness_probe=_probe(ANSWERS, period_seconds=10, failures=3),
        readiness_probe=_probe(ANSWERS, period_seconds=5, failures=3),
        volume_mounts=[
            VolumeMountArgs(name="config", mount_path=CONFIG_FOLDER, read_only=True),
            VolumeMountArgs(name="secrets", mount_path=SECRET_FOLDER, read_only=True),
            VolumeMountArgs(name="data", mount_path=DATA_FOLDER),
        ],
    )


def _probe(command: str, *, period_seconds: int, failures: int) -> ProbeArgs:
    return ProbeArgs(
        exec_=ExecActionArgs(command=["sh", "-c", command]),
        period_seconds=period_seconds,
        timeout_seconds=3,
        failure_threshold=failures,
    )


def _exporter(settings: RedisSettings) -> ContainerArgs:
    return ContainerArgs(
        name="exporter",
        image=settings.exporter_image,
        env=[
            EnvVarArgs(name="REDIS_ADDR", value=f"redis://localhost:{REDIS_PORT}"),
            EnvVarArgs(name="REDIS_PASSWORD_FILE", value=f"{SECRET_FOLDER}/exporter.json"),
            EnvVarArgs(name="REDIS_EXPORTER_CONNECTION_TIMEOUT", value=EXPORTER_TIMEOUT),
        ],
        ports=[ContainerPortArgs(name="metrics", container_port=METRICS_PORT)],
        resources=pods.resources(cpu=("10m", "100m"), memory=("32Mi", "64Mi")),
        security_context=pods.container_security(),
        startup_probe=pods.http_probe("/health", METRICS_PORT, period_seconds=2, failures=30),
        liveness_probe=pods.http_probe("/health", METRICS_PORT, period_seconds=30),
        readiness_probe=pods.http_probe("/health", METRICS_PORT, period_seconds=10),
        volume_mounts=[VolumeMountArgs(name="secrets", mount_path=SECRET_FOLDER, read_only=True)],
    )
