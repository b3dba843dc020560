"""Alertmanager's configuration: who hears of what. Pure, and without a secret in it: those are files beside it.

Source: https://prometheus.io/docs/alerting/latest/configuration/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import yaml

from components.monitoring.objectives import Severity

Receiver = Literal["slack", "pagerduty", "webhook"]

SECRET_FOLDER = "/run/secrets/alertmanager"
"""Each receiver's address or key is a file here, named after the receiver."""

SECRET_FIELD: dict[Receiver, str] = {"slack": "api_url_file", "pagerduty": "routing_key_file", "webhook": "url_file"}

GROUP_WAIT = "30s"
GROUP_INTERVAL = "5m"
REPEAT_INTERVAL: dict[Severity, str] = {"critical": "1h", "warning": "12h"}
WATCHDOG = "watchdog"
"""The receiver that raises the alarm when it hears nothing, and its secret's name."""
WATCHDOG_ALERT = "Watchdog"
WATCHDOG_INTERVALS = {"group_wait": "0s", "group_interval": "1m", "repeat_interval": "1m"}
BASE_FILE = "base.yml"
"""The part that :func:`parts` begins with."""
NOBODY = "nobody"
"""Receiver of what nobody was named for; its alerts are seen in Alertmanager and Grafana only."""


def alertmanager_config(
    receivers: Mapping[Severity, Sequence[Receiver]],
    *,
    slack_channel: str,
    watchdog: bool = False,
    secret_folder: str = SECRET_FOLDER,
) -> dict[str, Any]:
    """The configuration as data: one route for each severity, and no warning about a part that a critical alert speaks of.

    With ``watchdog`` the alert that always fires goes to the dead-man's switch, whose address is the secret of that name.
    """
    by_severity = get_args(Severity)
    routes = [
        {"receiver": severity, "matchers": [f'severity="{severity}"'], "repeat_interval": REPEAT_INTERVAL[severity]}
        for severity in by_severity
    ]
    switch = {"receiver": WATCHDOG, "matchers": [f'alertname="{WATCHDOG_ALERT}"'], **WATCHDOG_INTERVALS}
    named = [{"name": severity, **_ways(receivers.get(severity, ()), slack_channel, secret_folder)} for severity in by_severity]
    calls = {"url_file": f"{secret_folder}/{WATCHDOG}", "send_resolved": False}
    return {
        "route": {
            "receiver": NOBODY,
            "group_by": ["alertname", "component"],
            "group_wait": GROUP_WAIT,
            "group_interval": GROUP_INTERVAL,
            "routes": [*([switch] if watchdog else []), *routes],
        },
        "inhibit_rules": [
            {
                "source_matchers": ['severity="critical"'],
                "target_matchers": ['severity="warning"'],
                "equal": ["component"],
            }
        ],
        "receivers": [{"name": NOBODY}, *([{"name": WATCHDOG, "webhook_configs": [calls]}] if watchdog else []), *named],
    }


def parts(slack_channel: str, secret_folder: str = SECRET_FOLDER) -> dict[str, str]:
    """The configuration in parts, for whoever knows the receivers only later: everything up to them, and each of them."""
    whole = alertmanager_config({}, slack_channel=slack_channel)
    base = {**whole, "receivers": [{"name": NOBODY}]}  # the last key, so that receivers can follow
    ways = {receiver: {f"{receiver}_configs": [_way(receiver, slack_channel, secret_folder)]} for receiver in get_args(Receiver)}
    texts = {receiver: "".join(f"  {line}\n" for line in to_yaml(way).splitlines()) for receiver, way in ways.items()}
    return {BASE_FILE: to_yaml(base)} | {f"{receiver}.yml": text for receiver, text in texts.items()}


def to_yaml(config: Mapping[str, Any]) -> str:
    """The file's text."""
    return yaml.safe_dump(dict(config), sort_keys=False)


def _ways(receivers: Sequence[Receiver], slack_channel: str, secret_folder: str) -> dict[str, list[dict[str, Any]]]:
    return {f"{receiver}_configs": [_way(receiver, slack_channel, secret_folder)] for receiver in receivers}


def _way(receiver: Receiver, slack_channel: str, secret_folder: str) -> dict[str, Any]:
    secret = {SECRET_FIELD[receiver]: f"{secret_folder}/{receiver}"}
    match receiver:
        case "slack":
            title = "{{ .Status | toUpper }} {{ .CommonLabels.severity }}: {{ .CommonLabels.alertname }}"
            text = "{{ range .Alerts }}{{ .Annotations.description }} {{ .Annotations.runbook_url }}\n{{ end }}"
            return {**secret, "channel": slack_channel, "send_resolved": True, "title": title, "text": text}
        case "pagerduty":
            return {**secret, "send_resolved": True, "severity": "{{ .CommonLabels.severity }}"}
        case "webhook":
            return {**secret, "send_resolved": True}
