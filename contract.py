"""The names and numbers that others rely on, each in one place: dashboards, runbooks, scripts and the service itself use them.

Changing one of them is a migration, not a setting. What a team may choose is a setting (``components/settings``).
"""

from typing import Literal

APPLICATION = "dwcp-v3"
"""Name of the service: its Deployment, its Service, its container, and the label ``app`` of all that is its own."""
PROJECT = APPLICATION
"""The Pulumi project, the namespace of its config keys, and the tag ``project`` on AWS."""
NAMESPACE = APPLICATION
"""The Kubernetes namespace, in every environment's own cluster."""

NO_PROXY_HOSTS = ("localhost", "127.0.0.1", "::1", ".svc", ".cluster.local")
"""Never asked for through a proxy: this machine, and names that only a cluster resolves."""

TrackName = Literal["stable", "canary"]
STABLE: TrackName = "stable"
CANARY: TrackName = "canary"
DEPLOYMENTS: dict[TrackName, str] = {STABLE: APPLICATION, CANARY: f"{APPLICATION}-canary"}
"""Name of each track's Deployment, Service and autoscaler."""

APP_LABEL = "app"
TRACK_LABEL = "track"
VERSION_LABEL = "version"

SERVICE_PORT = 80
"""Of the Service, which forwards to the service's own port: ``svc/dwcp-v3 8080:80``."""
PORT = 8080
METRICS_PORT = 9090

REDIS = f"{APPLICATION}-redis"
"""Redis' Deployment, Service and label ``app``."""
REDIS_PORT = 6379

PROMETHEUS = f"{APPLICATION}-prometheus"
PROMETHEUS_PORT = 9090
NODE_EXPORTER = f"{APPLICATION}-node-exporter"
GRAFANA_PORT = 3000
GRAFANA_USER = "admin"

ROLLOUT_CONFIG_MAP = f"{APPLICATION}-rollout"
ROLLOUT_KEY = "percentage"
"""The canary's part of the traffic, in :data:`ROLLOUT_CONFIG_MAP`; feature flags read it."""
PULL_SECRET = "regcred"

IMAGE_REPOSITORY = f"ghcr.io/novacron/{APPLICATION}"
FIRST_IMAGE = f"{IMAGE_REPOSITORY}:v3.0.0"

REQUESTS_METRIC = "dwcp_requests_total"
ERRORS_METRIC = "dwcp_errors_total"
LATENCY_METRIC = "dwcp_latency_seconds"
CONNECTIONS_METRIC = "dwcp_active_connections"
TRANSFERRED_METRIC = "dwcp_bytes_transferred_total"

STATE_BUCKET = "novacron-terraform-state"
STATE_PREFIX = APPLICATION
"""Folder of the state in :data:`STATE_BUCKET`."""
BACKUPS_FOLDER = "backups/deployments"
"""Of the deployment backups, ``APPLICATION-ENVIRONMENT-TIMESTAMP.yaml``: in the checkout and in the artifact bucket."""
