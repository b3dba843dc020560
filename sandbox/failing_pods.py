"""More stages for kwok, which simulates the kubelets: pods fail or start slowly on demand, although no container runs.

kwok's own stages make every pod ready at once, and remove a deleted pod at once. Here, as with a kubelet, a deleted pod serves
until the end of its ``preStop`` sleep, but for at most ``LONGEST_STOP_SECONDS``.

The suffix of an image's tag (``dwcp-v3:v3.1.0-crash``) or the annotation ``sandbox.dwcp/behavior`` selects the behavior of a pod. A
test can therefore deploy a bad release by its tag. On a running pod, only the values ``crash`` and ``unready`` have an effect.
When the annotation is removed, the pod recovers.

kwok's stages: https://kwok.sigs.k8s.io/docs/user/stages-configuration/. Conditions are jq expressions, statuses are Go templates.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

Stage = dict[str, Any]
Condition = dict[str, Any]

DOMAIN = "sandbox.dwcp"
"""The domain of the annotations that change a pod's behavior in the sandbox."""

ANNOTATION = f"{DOMAIN}/behavior"

BEHAVIORS = {
    "crash": "starts and ends with exit code 1, again and again: CrashLoopBackOff, one more restart every 10 s",
    "missing": "its image cannot be pulled: ErrImagePull, then ImagePullBackOff",
    "unready": "runs, but its readiness probe fails: Running, not Ready",
    "slow": "runs at once and passes its readiness probe after 10 s, as a real release does",
}

RESTART_SECONDS = 10
"""The kubelet's first back-off. In the sandbox, the back-off does not grow."""

PULL_AGAIN_SECONDS = 2

READINESS_DELAY_SECONDS = 10
"""The application's ``readinessDelaySeconds``, for the behavior ``slow``. Pods without a behavior become ready immediately."""

LONGEST_STOP_SECONDS = 15
"""Longest ``preStop`` sleep of a simulated pod: the value of the stack ``local``. A longer sleep would only delay the sandbox."""

STOPPED_AT = f"""
if any(.status.containerStatuses[]?; .state.running) then
  ([.spec.containers[].lifecycle.preStop.sleep.seconds // 0] | max) as $sleep
  | (.metadata.deletionGracePeriodSeconds // 0) as $grace
  | (.metadata.deletionTimestamp | fromdateiso8601) - $grace + ([$sleep, $grace, {LONGEST_STOP_SECONDS}] | min) | todateiso8601
else .metadata.creationTimestamp end
"""
"""jq expression: the time at which kwok removes a deleted pod. The deletion timestamp is the end of the grace period. If the
time is in the past, kwok removes the pod immediately."""

BEHAVIOR = (
    f'(.metadata.annotations["{ANNOTATION}"] // empty), '
    f'(.spec.containers[].image | capture("-(?<behavior>{"|".join(BEHAVIORS)})(@|$)") | .behavior)'
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
- {type: Ready, status: "%(ready)s", lastTransitionTime: {{ $now | Quote }}}
- {type: ContainersReady, status: "%(ready)s", lastTransitionTime: {{ $now | Quote }}}
{{ if not .status.podIP }}
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
{{ end }}
containerStatuses:
{{ range $index, $item := .spec.containers }}
- name: {{ $item.name | Quote }}
  image: {{ $item.image | Quote }}
  ready: %(ready_containers)s
%(state)s
{{ end }}
"""  # noqa: E501 - kwok's own line, which a line break would change

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
  state: {waiting: {reason: %s, message: {{ printf "%%s %s" $item.image | Quote }}}}
"""


def stages(own: Sequence[Stage]) -> list[Stage]:
    """All pod stages: kwok's ``own`` stages with two changes, and :data:`SPECIAL`.

    The changes: ``pod-ready`` skips pods with one of :data:`BEHAVIORS`, and ``pod-delete`` waits for the ``preStop`` sleep.
    """
    changed = deepcopy(list(own))
    for stage in changed:
        if stage["metadata"]["name"] == "pod-ready":
            stage["spec"]["selector"]["matchExpressions"].append(_none(BEHAVIOR))
        if stage["metadata"]["name"] == "pod-delete":
            stage["spec"]["delay"] = {"durationMilliseconds": 0, "durationFrom": {"expressionFrom": STOPPED_AT}}
    return [*changed, *(stage.manifest() for stage in SPECIAL)]


def _in(key: str, *values: str) -> Condition:
    return {"key": key, "operator": "In", "values": list(values)}


def _not_in(key: str, *values: str) -> Condition:
    return {"key": key, "operator": "NotIn", "values": list(values)}


def _none(key: str) -> Condition:
    return {"key": key, "operator": "DoesNotExist"}


@dataclass(frozen=True, kw_only=True)
class PodStage:
    """A stage: when ``conditions`` have held for ``after_seconds``, the pod gets ``phase``, ``state`` and ``event``."""

    name: str
    conditions: tuple[Condition, ...]
    phase: str
    state: str
    event: tuple[str, str]
    ready: bool = False
    after_seconds: float = 0

    def manifest(self) -> Stage:
        """The stage's manifest for kwok."""
        ready = str(self.ready)
        values = {"ready": ready, "ready_containers": ready.lower(), "phase": self.phase, "state": self.state}
        alive = {"key": ".metadata.deletionTimestamp", "operator": "DoesNotExist"}
        spec = {
            "resourceRef": {"apiGroup": "v1", "kind": "Pod"},
            "selector": {"matchExpressions": [alive, *self.conditions]},
            "delay": {"durationMilliseconds": int(self.after_seconds * 1000)},
            "next": {
                "event": {"type": "Normal" if self.ready else "Warning", "reason": self.event[0], "message": self.event[1]},
                "statusTemplate": STATUS % values,
            },
        }
        return {"apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": "Stage", "metadata": {"name": self.name}, "spec": spec}


NOT_ENDED = _in(PHASE, "Pending", "Running")
RESTARTING = ("BackOff", "Back-off restarting failed container")
SPECIAL = (
    PodStage(
        name="pod-crash",
        conditions=(_in(BEHAVIOR, "crash"), NOT_ENDED, _not_in(WAITING, "CrashLoopBackOff")),
        phase="Running",
        state=CRASHED,
        event=RESTARTING,
    ),
    PodStage(
        name="pod-crash-again",
        conditions=(_in(BEHAVIOR, "crash"), NOT_ENDED, _in(WAITING, "CrashLoopBackOff")),
        phase="Running",
        state=CRASHED,
        event=RESTARTING,
        after_seconds=RESTART_SECONDS,
    ),
    PodStage(
        name="pod-missing",
        conditions=(_in(BEHAVIOR, "missing"), _in(PHASE, "Pending"), _none(WAITING)),
        phase="Pending",
        state=NOT_PULLED % ("ErrImagePull", "cannot be pulled: not found"),
        event=("Failed", "Failed to pull image: not found"),
    ),
    PodStage(
        name="pod-missing-again",
        conditions=(_in(BEHAVIOR, "missing"), _in(PHASE, "Pending"), _in(WAITING, "ErrImagePull")),
        phase="Pending",
        state=NOT_PULLED % ("ImagePullBackOff", "is not pulled again yet"),
        event=("BackOff", "Back-off pulling image"),
        after_seconds=PULL_AGAIN_SECONDS,
    ),
    PodStage(
        name="pod-unready",
        conditions=(_in(BEHAVIOR, "unready"), NOT_ENDED, _not_in(READY, "False")),
        phase="Running",
        state=RUNS,
        event=("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503"),
    ),
    PodStage(
        name="pod-slow",
        conditions=(_in(BEHAVIOR, "slow"), _in(PHASE, "Pending")),
        phase="Running",
        state=RUNS,
        event=("Started", "Started container"),
    ),
    PodStage(
        name="pod-slow-ready",
        conditions=(_in(BEHAVIOR, "slow"), _in(PHASE, "Running"), _in(READY, "False")),
        phase="Running",
        state=RUNS,
        event=("Ready", "Its readiness probe passes"),
        ready=True,
        after_seconds=READINESS_DELAY_SECONDS,
    ),
    PodStage(
        name="pod-recovered",
        conditions=(_none(BEHAVIOR), _in(PHASE, "Running"), _in(READY, "False")),
        phase="Running",
        state=RUNS,
        event=("Recovered", "The failure was removed"),
        ready=True,
    ),
)
