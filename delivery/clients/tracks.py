"""The tracks of the application and the feature flag, as they are in the cluster.

A track is one of the two parallel Deployments, ``stable`` and ``canary``. The flag is a ConfigMap with a percentage. The methods
that change a track or the flag use the field manager ``dwcp``, and change only the fields that the table in
:mod:`components.field_owners` assigns to ``delivery``, except that a restart sets an annotation of the pods.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

from components.settings.types import version_label
from contract import (
    APP_LABEL,
    APPLICATION,
    DEPLOYMENTS,
    ROLLOUT_CONFIG_MAP,
    ROLLOUT_KEY,
    TRACK_LABEL,
    VERSION_LABEL,
    TrackName,
)
from delivery.clients.kubernetes import FIELD_MANAGER, KubernetesClient, Manifest

RESTARTED = "kubectl.kubernetes.io/restartedAt"
TROUBLES = frozenset(
    {
        *("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"),
        *("CrashLoopBackOff", "CreateContainerConfigError", "CreateContainerError", "RunContainerError"),
    }
)
"""Reasons of waiting containers that normally cannot start until something is changed.

Source: https://github.com/kubernetes/kubernetes/blob/master/pkg/kubelet/images/types.go, and in the folder pkg/kubelet also
container/sync_result.go and kuberuntime/kuberuntime_container.go.
"""


@dataclass(frozen=True, kw_only=True)
class TrackPods:
    """The state of a track in the API server."""

    image: str
    replicas: int
    ready: frozenset[str]
    """Addresses of the ready pods that run ``image`` and are not terminating."""
    settled: bool
    trouble: str
    floor: int
    """``minReplicas`` of the track's autoscaler."""
    ceiling: int
    """``maxReplicas`` of the track's autoscaler."""


class Tracks:
    """The tracks and the feature flag in the namespace of ``cluster``."""

    def __init__(self, cluster: KubernetesClient) -> None:
        self._cluster = cluster

    def deployment(self, track: TrackName) -> Manifest:
        """The track's Deployment."""
        return self._cluster.request("GET", self._deployment(track))

    def read(self, track: TrackName) -> TrackPods:
        """The state of a track, from its Deployment, its pods and its autoscaler."""
        deployment = self.deployment(track)
        image = service_container(deployment["spec"]["template"])["image"]
        pods = self.pods(track)
        scaling = self._cluster.request("GET", self._autoscaler(track))["spec"]
        return TrackPods(
            image=image,
            replicas=deployment["spec"].get("replicas", 1),
            ready=frozenset(pod["status"]["podIP"] for pod in pods if _is_ready(pod) and service_container(pod)["image"] == image),
            settled=_settled(deployment),
            trouble=next((trouble for pod in pods if service_container(pod)["image"] == image and (trouble := _trouble(pod))), ""),
            floor=scaling.get("minReplicas", 1),
            ceiling=scaling["maxReplicas"],
        )

    def pods(self, track: TrackName) -> list[Manifest]:
        """A track's pods, without those that are terminating."""
        query = {"labelSelector": f"{APP_LABEL}={APPLICATION},{TRACK_LABEL}={track}"}
        found = self._cluster.request("GET", f"/api/v1/namespaces/{self._cluster.namespace}/pods", query=query)["items"]
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def set_floor(self, track: TrackName, replicas: int) -> None:
        """Set ``minReplicas`` of a track's autoscaler, at most to ``maxReplicas``. The API server refuses a higher value."""
        most = self._cluster.request("GET", self._autoscaler(track))["spec"]["maxReplicas"]
        self._patch(self._autoscaler(track), {"spec": {"minReplicas": min(replicas, most)}})

    def scale(self, track: TrackName, replicas: int) -> None:
        """Scale a track to this number of pods."""
        self._patch(self._deployment(track), {"spec": {"replicas": replicas}})

    def set_image(self, track: TrackName, image: str) -> None:
        """Copy the containers of the stable track to ``track``, with ``image`` for the service, and set the pods' version label.

        Prometheus copies this label to the metrics of the pods.
        """
        template = self.deployment("stable")["spec"]["template"]
        containers: list[Manifest] = template["spec"]["containers"]
        changed = [{**each, "image": image} if each["name"] == APPLICATION else each for each in containers]
        template = {"metadata": {"labels": {VERSION_LABEL: version_label(image)}}, "spec": {"containers": changed}}
        self._patch(self._deployment(track), {"spec": {"template": template}})

    def restart(self, track: TrackName) -> None:
        """Restart a track's pods as ``kubectl rollout restart`` does."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self._patch(self._deployment(track), {"spec": {"template": {"metadata": {"annotations": {RESTARTED: stamp}}}}})

    def flag(self) -> int:
        """The percentage in the flag's ConfigMap. As in the service, a text that is not a number from 0 to 100 counts as 0."""
        data: Manifest = self._cluster.request("GET", self._flag).get("data") or {}
        text = str(data.get(ROLLOUT_KEY, "0")).strip()
        return int(text) if re.fullmatch("[0-9]{1,3}", text) and int(text) <= 100 else 0

    def set_flag(self, percentage: int) -> None:
        """Set the percentage in the flag's ConfigMap."""
        self._patch(self._flag, {"data": {ROLLOUT_KEY: str(percentage)}})

    @property
    def _flag(self) -> str:
        return f"/api/v1/namespaces/{self._cluster.namespace}/configmaps/{ROLLOUT_CONFIG_MAP}"

    def _deployment(self, track: TrackName) -> str:
        return f"/apis/apps/v1/namespaces/{self._cluster.namespace}/deployments/{DEPLOYMENTS[track]}"

    def _autoscaler(self, track: TrackName) -> str:
        return f"/apis/autoscaling/v2/namespaces/{self._cluster.namespace}/horizontalpodautoscalers/{DEPLOYMENTS[track]}"

    def _patch(self, path: str, change: Manifest) -> None:
        self._cluster.request("PATCH", path, change, query={"fieldManager": FIELD_MANAGER})


def service_container(pod: Manifest) -> Manifest:
    """The application's container of a pod or a pod template."""
    containers: list[Manifest] = pod["spec"]["containers"]
    return next((each for each in containers if each["name"] == APPLICATION), containers[0])


def _is_ready(pod: Manifest) -> bool:
    conditions = pod["status"].get("conditions", [])
    return "podIP" in pod["status"] and any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _settled(deployment: Manifest) -> bool:
    """Whether every pod has the newest template and is available, as ``kubectl rollout status`` determines it."""
    wanted, status = deployment["spec"].get("replicas", 1), deployment["status"]
    counts = [status.get(key, 0) for key in ("updatedReplicas", "replicas", "availableReplicas")]
    return status.get("observedGeneration", 0) >= deployment["metadata"]["generation"] and counts == [wanted] * 3


def _trouble(pod: Manifest) -> str:
    """Why a pod failed, or normally cannot start until something is changed (``TROUBLES``); otherwise an empty string."""
    name, status = pod["metadata"]["name"], pod["status"]
    for container in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
        waiting = container.get("state", {}).get("waiting", {})
        if waiting.get("reason") in TROUBLES:
            message = f": {waiting['message']}" if waiting.get("message") else ""
            return f"pod {name} is in {waiting['reason']}{message}"
    return f"pod {name} failed: {status.get('reason', 'no reason')}" if status.get("phase") == "Failed" else ""
