"""Pods that fail on demand, though no container runs: kwok stages beside kwok's own, which only ever make pods ready.

A pod's fate is the end of an image's tag (``dwcp-v3:v3.1.0-crash``), so that a bad release is simply an image, or the pod's
annotation ``sandbox.dwcp/fate``, which may also come later; without it again, the pod recovers.

kwok's stages: https://kwok.sigs.k8s.io/docs/user/stages-configuration/. Conditions are jq, statuses are Go templates.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

Stage = dict[str, Any]

ANNOTATION = "sandbox.dwcp/fate"

FATES = {
    "crash": "starts and ends with exit code 1, again and again: CrashLoopBackOff, one restart more every 10 s",
    "missing": "its image cannot be pulled: ErrImagePull, then ImagePullBackOff",
    "unready": "runs, but its readiness probe fails: Running, not Ready",
}

RESTART_SECONDS = 10
"""The kubelet's first back-off; it stays so here."""

PULL_AGAIN_SECONDS = 2

FATE = (
    f'(.metadata.annotations["{ANNOTATION}"] // empty), '
    f'(.spec.containers[].image | capture("-(?<fate>{"|".join(FATES)})(@|$)") | .fate)'
)
PHASE = ".status.phase"
READY = '.status.conditions.[] | select( .type == "Ready" ) | .status'
WAITING = ".status.containerStatuses[]?.state.waiting.reason // empty"

STATUS = """
{{ $now := Now }}
{{ $root := . }}
phase: %(phase)s
startTime: {{ or .status.startTime $now | Quote }}
conditions:
- {type: Initialized, status: "True", lastTransitionTime: {{ $now | Quote }}}
- {type: Ready, status: "False", reason: ContainersNotReady, lastTransitionTime: {{ $now | Quote }}}
- {type: ContainersReady, status: "False", reason: ContainersNotReady, lastTransitionTime: {{ $now | Quote }}}
{{ $hostIPs := NodeIPsWith .spec.nodeName }}
{{ with $hostIPs }}
hostIP: {{ index . 0 | Quote }}
{{ end }}
{{ $podIPs := PodIPsWith .spec.nodeName ( or .spec.hostNetwork false ) ( or .metadata.uid "" ) ( or .metadata.name "" ) ( or .metadata.namespace "" ) }}
{{ with $podIPs }}
podIP: {{ index . 0 | Quote }}
podIPs:
{{ range . }}
- ip: {{ . | Quote }}
{{ end }}
{{ end }}
containerStatuses:
{{ range $index, $item := .spec.containers }}
- name: {{ $item.name | Quote }}
  image: {{ $item.image | Quote }}
  ready: false
%(state)s
{{ end }}
"""  # noqa: E501 - kwok's own line, which a break would change

CRASHED = """
  started: false
  restartCount: {{ if $root.status.containerStatuses }}{{ add ( index $root.status.containerStatuses $index ).restartCount 1 }}{{ else }}1{{ end }}
  state: {waiting: {reason: CrashLoopBackOff, message: back-off 10s restarting failed container}}
  lastState: {terminated: {reason: Error, exitCode: 1, startedAt: {{ $now | Quote }}, finishedAt: {{ $now | Quote }}}}
"""  # noqa: E501
RUNS = """
  started: true
  restartCount: 0
  state: {running: {startedAt: {{ $now | Quote }}}}
"""
NOT_PULLED = """
  started: false
  restartCount: 0
  state: {waiting: {reason: %s, message: {{ printf "%s %%s" $item.image | Quote }}}}
"""


def stages(kwok: Path) -> list[Stage]:
    """All pod stages: kwok's, of which the one that makes pods ready leaves the failing ones alone, and those of :data:`FATES`."""
    own = [yaml.safe_load(file.read_text()) for file in sorted(kwok.glob("pod-*.yaml"))]
    for stage in own:
        if stage["metadata"]["name"] == "pod-ready":
            conditions = [each for each in stage["spec"]["selector"]["matchExpressions"] if each["key"] != PHASE]
            conditions += [_in(PHASE, "Pending", "Running"), _none(FATE)]  # Running: it recovers
            stage["spec"]["selector"]["matchExpressions"] = conditions
    back_off, pull = "CrashLoopBackOff", "Failed"
    return [
        *own,
        _stage(
            "crash",
            "Running",
            CRASHED,
            [_none(f'({WAITING}) | select(. == "{back_off}")')],
            ("BackOff", "Back-off restarting failed container"),
        ),
        _stage(
            "crash",
            "Running",
            CRASHED,
            [_in(WAITING, back_off)],
            ("BackOff", "Back-off restarting failed container"),
            RESTART_SECONDS,
        ),
        _stage(
            "missing",
            "Pending",
            NOT_PULLED % ("ErrImagePull", "failed to pull and unpack image"),
            [_in(PHASE, "Pending"), _none(WAITING)],
            (pull, "Failed to pull image: not found"),
        ),
        _stage(
            "missing",
            "Pending",
            NOT_PULLED % ("ImagePullBackOff", "Back-off pulling image"),
            [_in(WAITING, "ErrImagePull")],
            ("BackOff", "Back-off pulling image"),
            PULL_AGAIN_SECONDS,
        ),
        _stage(
            "unready",
            "Running",
            RUNS,
            [{"key": READY, "operator": "NotIn", "values": ["False"]}],
            ("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503"),
        ),
    ]


def write(kwok: Path, file: Path) -> None:
    """Write the stages for kwok's ``--config``: JSON documents are YAML."""
    file.write_text("\n---\n".join(json.dumps(stage) for stage in stages(kwok)))


def _stage(
    fate: str, phase: str, state: str, conditions: list[dict[str, Any]], event: tuple[str, str], delay_seconds: float = 0
) -> Stage:
    reason, message = event
    alive = {"key": ".metadata.deletionTimestamp", "operator": "DoesNotExist"}
    spec = {
        "resourceRef": {"apiGroup": "v1", "kind": "Pod"},
        "selector": {"matchExpressions": [alive, _in(FATE, fate), _in(PHASE, "Pending", "Running"), *conditions]},
        "delay": {"durationMilliseconds": int(delay_seconds * 1000)},
        "next": {
            "event": {"type": "Warning", "reason": reason, "message": message},
            "statusTemplate": STATUS % {"phase": phase, "state": state},
        },
    }
    name = f"pod-{fate}{'-again' if delay_seconds else ''}"
    return {"apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": "Stage", "metadata": {"name": name}, "spec": spec}


def _in(key: str, *values: str) -> dict[str, Any]:
    return {"key": key, "operator": "In", "values": list(values)}


def _none(key: str) -> dict[str, Any]:
    return {"key": key, "operator": "DoesNotExist"}
