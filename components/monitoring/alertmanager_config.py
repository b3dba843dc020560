"""Alertmanager's configuration: which receiver gets which alerts. Alertmanager reads the receivers' secrets from files.

Source: https://prometheus.io/docs/alerting/latest/configuration/
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import yaml

from components.monitoring.objectives import Severity

Receiver = Literal["slack", "pagerduty", "webhook"]

SECRET_FOLDER = "/run/secrets/alertmanager"
"""Folder with one file per receiver. The file's name is the receiver's name; the file contains the receiver's address or key."""

SECRET_FIELD: dict[Receiver, str] = {"slack": "api_url_file", "pagerduty": "routing_key_file", "webhook": "url_file"}

GROUP_WAIT = "30s"
GROUP_INTERVAL = "5m"
REPEAT_INTERVAL: dict[Severity, str] = {"critical": "1h", "warning": "12h"}
WATCHDOG = "watchdog"
"""Name of the receiver that raises an alarm when notifications stop (a dead-man's switch), and name of the receiver's secret."""
WATCHDOG_ALERT = "Watchdog"
"""The alert that always fires. If its notifications stop, the receiver ``watchdog`` reports a failure of the monitoring."""
WATCHDOG_INTERVALS = {"group_wait": "0s", "group_interval": "30s", "repeat_interval": "45s"}
"""One call every 60 s. Alertmanager looks at the group at every ``group_interval``, and notifies if the last notification ended
more than ``repeat_interval`` before. A notification ends a little later than it starts, so if both intervals were one minute,
Alertmanager would skip every second minute.

Source: ``needsUpdate`` in https://github.com/prometheus/alertmanager/blob/main/notify/dedup_stage.go
"""
SAME_THING = ("component", "job", "pod", "deployment", "node")
"""A critical alert mutes the warnings that have the same values of all these labels. A missing label has the value ``""``, so an
alert on the whole service mutes no warning on one pod."""
BASE_FILE = "base.yml"
"""Name of the file in :func:`parts` with which the configuration begins."""
NO_RECEIVER = "null"
"""The receiver without an address, for alerts that no route matches. Alertmanager shows these alerts, but notifies no one."""


def alertmanager_config(
    receivers: Mapping[Severity, Sequence[Receiver]],
    *,
    slack_channel: str,
    watchdog: bool = False,
) -> dict[str, Any]:
    """The configuration as data: one route per severity. A critical alert mutes the warnings on the same thing.

    With ``watchdog``, the alert that always fires is sent to the receiver :data:`WATCHDOG`, whose address is the secret
    ``watchdog``.
    """
    by_severity = get_args(Severity)
    routes = [
        {"receiver": severity, "matchers": [f'severity="{severity}"'], "repeat_interval": REPEAT_INTERVAL[severity]}
        for severity in by_severity
    ]
    switch = {"receiver": WATCHDOG, "matchers": [f'alertname="{WATCHDOG_ALERT}"'], **WATCHDOG_INTERVALS}
    named = [{"name": each, **_integrations(receivers.get(each, ()), slack_channel)} for each in by_severity]
    calls = {"url_file": f"{SECRET_FOLDER}/{WATCHDOG}", "send_resolved": False}
    return {
        "route": {
            "receiver": NO_RECEIVER,
            "group_by": ["alertname", "component"],
            "group_wait": GROUP_WAIT,
            "group_interval": GROUP_INTERVAL,
            "routes": [*([switch] if watchdog else []), *routes],
        },
        "inhibit_rules": [
            {
                "source_matchers": ['severity="critical"'],
                "target_matchers": ['severity="warning"'],
                "equal": list(SAME_THING),
            }
        ],
        "receivers": [{"name": NO_RECEIVER}, *([{"name": WATCHDOG, "webhook_configs": [calls]}] if watchdog else []), *named],
    }


def parts(slack_channel: str) -> dict[str, str]:
    """The configuration in several files, by file name, for a start script that adds receivers.

    The file :data:`BASE_FILE` contains everything except the receivers ``critical`` and ``warning``. Every other file contains one
    integration, which the script inserts into these receivers.
    """
    whole = alertmanager_config({}, slack_channel=slack_channel)
    base = {**whole, "receivers": [{"name": NO_RECEIVER}]}  # the last key, so that receivers can follow
    contents = {receiver: to_yaml(_integrations([receiver], slack_channel)) for receiver in get_args(Receiver)}
    indented = {f"{receiver}.yml": textwrap.indent(content, "  ") for receiver, content in contents.items()}
    return {BASE_FILE: to_yaml(base)} | indented


def to_yaml(config: Mapping[str, Any]) -> str:
    """The configuration as the text of a YAML file."""
    return yaml.safe_dump(dict(config), sort_keys=False)


def _integrations(receivers: Sequence[Receiver], slack_channel: str) -> dict[str, list[dict[str, Any]]]:
    return {f"{receiver}_configs": [_integration(receiver, slack_channel)] for receiver in receivers}


def _integration(receiver: Receiver, slack_channel: str) -> dict[str, Any]:
    secret = {SECRET_FIELD[receiver]: f"{SECRET_FOLDER}/{receiver}"}
    match receiver:
        case "slack":
            title = "{{ .Status | toUpper }} {{ .CommonLabels.severity }}: {{ .CommonLabels.alertname }}"
            text = "{{ range .Alerts }}{{ .Annotations.description }} {{ .Annotations.runbook_url }}\n{{ end }}"
            return {**secret, "channel": slack_channel, "send_resolved": True, "title": title, "text": text}
        case "pagerduty":
            return {**secret, "send_resolved": True, "severity": "{{ .CommonLabels.severity }}"}
        case "webhook":
            return {**secret, "send_resolved": True}
