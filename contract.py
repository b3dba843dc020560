"""The platform's fixed names and numbers, each defined once. Dashboards, runbooks, scripts and the service itself use them.

A changed name requires a migration of the running environments. Values that a team may choose are settings
(``components/settings``).
"""

from typing import Literal, get_args

APPLICATION = "dwcp-v3"
"""Name of the application, of the stable Deployment and its Service, and of the service's container. Value of the label ``app``."""
PROJECT = APPLICATION
"""Name of the Pulumi project, namespace of the project's config keys, and value of the tag ``project`` on AWS."""
DISTRIBUTION = f"{APPLICATION}-platform"
"""The Python package that holds the program and the `dwcp` command."""
NAMESPACE = APPLICATION
"""The Kubernetes namespace. Every environment has its own cluster, so all environments use the same name."""

NO_PROXY_HOSTS = ("localhost", "127.0.0.1", "::1", ".svc", ".cluster.local")
"""Hosts that clients connect to without a proxy: this machine, and names that only a cluster resolves."""

EnvironmentName = Literal["local", "staging", "production"]
StackName = Literal[EnvironmentName, "account"]
"""An environment, or the account's own stack."""

ZoneLetter = Literal["a", "b", "c", "d", "e", "f"]
ZONES: tuple[ZoneLetter, ...] = get_args(ZoneLetter)
"""The letters of availability zones. No AWS region has more zones."""

TrackName = Literal["stable", "canary"]
"""One of the two parallel Deployments of the application. During a rollout, ``canary`` runs the new release."""
STABLE: TrackName = "stable"
CANARY: TrackName = "canary"
DEPLOYMENTS: dict[TrackName, str] = {STABLE: APPLICATION, CANARY: f"{APPLICATION}-canary"}
"""Name of each track's Deployment, Service and autoscaler."""

TOPOLOGY_KEYS = ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
"""Labels of nodes. Pods are spread over the values of each label."""

APP_LABEL = "app"
TRACK_LABEL = "track"
VERSION_LABEL = "version"

SERVICE_PORT = 80
"""Port of the Kubernetes Service (guide: ``kubectl port-forward svc/dwcp-v3 8080:80``), which forwards to the pods' HTTP port."""
PORT = 8080
METRICS_PORT = 9090

REDIS = f"{APPLICATION}-redis"
"""Name of the Deployment and Service of Redis, and the value of their label ``app``."""
REDIS_PORT = 6379
REDIS_START_SECONDS = 300
"""Time in which Redis must answer after its start. Redis can take minutes to load a full append-only file."""
DOCKER_HEALTHY_SECONDS = REDIS_START_SECONDS + 60
"""Time in which the containers of the Docker stack must become healthy. The service starts after Redis."""

PROMETHEUS = f"{APPLICATION}-prometheus"
PROMETHEUS_PORT = 9090
NODE_EXPORTER = f"{APPLICATION}-node-exporter"
GRAFANA_PORT = 3000
GRAFANA_USER = "admin"

ROLLOUT_CONFIG_MAP = f"{APPLICATION}-rollout"
ROLLOUT_KEY = "percentage"
"""Key of :data:`ROLLOUT_CONFIG_MAP` that holds the canary's share of the traffic, for the service's feature flags."""
PULL_SECRET = "regcred"
API_KEY_PREFIX = "api-key-"
"""Prefix of an API key's name in the service's Secret (``api-key-NAME``). The prefix separates APIs from other keys, such as
``redis-password``, so an API can have the same name as another key."""

DOCKERFILE = f"docker/Dockerfile.{APPLICATION}"
"""The Dockerfile of the service, by its path in the checkout."""
IMAGE_REPOSITORY = f"ghcr.io/novacron/{APPLICATION}"
FIRST_IMAGE = f"{IMAGE_REPOSITORY}:v3.0.0"

REQUESTS_METRIC = "dwcp_requests_total"
ERRORS_METRIC = "dwcp_errors_total"
LATENCY_METRIC = "dwcp_latency_seconds"
CONNECTIONS_METRIC = "dwcp_active_connections"
TRANSFERRED_METRIC = "dwcp_bytes_transferred_total"

SHARED = "account"
"""Value of the tag ``environment`` on resources of the whole account, and name of the stack that declares most of them."""

MANAGED_BY_CLUSTER = "cluster"
"""Value of the tag ``managed-by`` on resources that the cluster creates: nodes, their volumes and interfaces, volumes of claims."""

STATE_BUCKET = "novacron-terraform-state"
STATE_PREFIX = APPLICATION
"""Prefix of the Pulumi state in :data:`STATE_BUCKET`."""
STATE_KEY_ALIAS = f"alias/{PROJECT}-state"
LEASE_TABLE = f"{PROJECT}-leases"
"""The DynamoDB table of the leases. A lease locks one environment until it is released or expires.

The table also contains the S3 version and the digest of each stack's newest known state.
"""
BACKUPS_FOLDER = "backups/deployments"
"""Folder of the backups ``APPLICATION-ENVIRONMENT-TIMESTAMP.yaml``, in the checkout and in the artifact bucket."""


def secrets_alias(environment: str) -> str:
    """The alias of the KMS key that encrypts an environment's secrets in its state."""
    return f"alias/{PROJECT}-{environment}"
