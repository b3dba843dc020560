"""Grafana's provisioning files: data sources and the dashboard folder. The files contain the paths of secrets, but no secrets.

Source: https://grafana.com/docs/grafana/latest/administration/provisioning/
"""

from __future__ import annotations

from typing import Any

import yaml

from contract import APPLICATION, GRAFANA_PORT, GRAFANA_USER

SECRET_FOLDER = "/run/secrets/grafana"
ADMIN_PASSWORD_FILE = f"{SECRET_FOLDER}/admin-password"
REDIS_PASSWORD_FILE = f"{SECRET_FOLDER}/redis-password"
DATABASE = "/var/lib/grafana/grafana.db"
START_SCRIPT = f"""\
set -e
if [ -s {DATABASE} ]; then
  grafana cli --homepath /usr/share/grafana admin reset-admin-password --password-from-stdin < {ADMIN_PASSWORD_FILE}
fi
exec /run.sh
"""
"""Start script. It sets the password in an existing database, because Grafana reads the password file only at its first start.

Source: https://grafana.com/docs/grafana/latest/cli/#reset-admin-password
"""
PROVISIONING_FOLDER = "/etc/grafana/provisioning"
DASHBOARD_FOLDER = "/etc/grafana/dashboards"
PROMETHEUS_UID = "prometheus"
REDIS_UID = "redis"


def datasources(environment: str, prometheus_url: str, redis_url: str, interval_seconds: int) -> dict[str, Any]:
    """The content of ``datasources.yaml``: the environment's Prometheus, and Redis through the plugin in the Grafana image."""
    return {
        "apiVersion": 1,
        "prune": True,
        "datasources": [
            {
                "name": environment,
                "uid": PROMETHEUS_UID,
                "type": "prometheus",
                "access": "proxy",
                "url": prometheus_url,
                "isDefault": True,
                "editable": False,
                "jsonData": {"timeInterval": f"{interval_seconds}s", "httpMethod": "POST"},
            },
            {
                "name": "Redis",
                "uid": REDIS_UID,
                "type": "redis-datasource",
                "access": "proxy",
                "url": redis_url,
                "editable": False,
                "jsonData": {"client": "standalone"},
                "secureJsonData": {"password": f"$__file{{{REDIS_PASSWORD_FILE}}}"},
            },
        ],
    }


def dashboard_provider() -> dict[str, Any]:
    """The content of ``dashboards.yaml``. The dashboards are read-only in Grafana, because the program generates them."""
    return {
        "apiVersion": 1,
        "providers": [
            {
                "name": APPLICATION,
                "type": "file",
                "allowUiUpdates": False,
                "disableDeletion": True,
                "options": {"path": DASHBOARD_FOLDER},
            }
        ],
    }


def environment() -> dict[str, str]:
    """Environment variables with Grafana's settings: https://grafana.com/docs/grafana/latest/setup-grafana/configure-grafana/."""
    return {
        "GF_SERVER_HTTP_PORT": str(GRAFANA_PORT),
        "GF_SECURITY_ADMIN_USER": GRAFANA_USER,
        "GF_SECURITY_ADMIN_PASSWORD__FILE": ADMIN_PASSWORD_FILE,
        "GF_SECURITY_DISABLE_GRAVATAR": "true",
        "GF_AUTH_ANONYMOUS_ENABLED": "false",
        "GF_USERS_ALLOW_SIGN_UP": "false",
        "GF_ANALYTICS_REPORTING_ENABLED": "false",
        "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
        "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
        "GF_PLUGINS_PREINSTALL_DISABLED": "true",
    }


def to_yaml(content: dict[str, Any]) -> str:
    """``content`` as the text of a YAML file."""
    return yaml.safe_dump(content, sort_keys=False)
