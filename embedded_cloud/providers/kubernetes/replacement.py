"""Which changes replace an object instead of updating it."""

from __future__ import annotations

import re
from collections.abc import Collection

from embedded_cloud.providers.kubernetes.connection import ApiError, Manifest
from embedded_cloud.providers.kubernetes.objects import group_kind
from embedded_cloud.providers.paths import covers, segments

IDENTITY = ("metadata.name", "metadata.namespace")

REPLACING = {
    "apps/DaemonSet": ("spec.selector",),
    "apps/Deployment": ("spec.selector",),
    "apps/StatefulSet": ("spec.selector", "spec.serviceName", "spec.podManagementPolicy", "spec.volumeClaimTemplates"),
    "batch/Job": ("spec.completions", "spec.parallelism", "spec.selector", "spec.template"),
    "core/PersistentVolumeClaim": (
        "spec.accessModes",
        "spec.dataSource",
        "spec.dataSourceRef",
        "spec.selector",
        "spec.storageClassName",
        "spec.volumeMode",
        "spec.volumeName",
    ),
    "core/Secret": ("type",),
    "core/Service": ("spec.clusterIP",),
    "rbac.authorization.k8s.io/ClusterRoleBinding": ("roleRef",),
    "rbac.authorization.k8s.io/RoleBinding": ("roleRef",),
    "scheduling.k8s.io/PriorityClass": ("value", "preemptionPolicy"),
    "storage.k8s.io/StorageClass": ("parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"),
}
"""What cannot change in place, known without asking: a value that a preview does not know yet cannot be tried.

Source: forceNew in pulumi-kubernetes, provider/pkg/provider/diff.go, and the API reference for the last two kinds.
"""

DATA = {"core/ConfigMap": ("binaryData", "data"), "core/Secret": ("data", "stringData")}
"""What the official provider replaces unless its option for the kind says that the objects may change."""

REFUSALS = re.compile(
    r"immutable|may not (be )?change|cannot (be )?change|may not be updated|updates? to .* forbidden|cannot update", re.IGNORECASE
)
"""How the API server words that a field cannot change; there is no code for it."""


def replacing(manifest: Manifest, changed: Collection[str], mutable: Collection[str]) -> set[str]:
    """Those of the ``changed`` paths that replace the object; ``mutable`` are the kinds of :data:`DATA` that may change."""
    kind = group_kind(manifest)
    data = () if kind in mutable and not manifest.get("immutable") else DATA.get(kind, ())
    patterns = [segments(path) for path in (*IDENTITY, *REPLACING.get(kind, ()), *data)]
    return {path for path in changed if any(covers(pattern, segments(path)) for pattern in patterns)}


def refused(error: ApiError, changed: Collection[str]) -> set[str]:
    """Those of the ``changed`` paths that the API server, asked by a dry run, does not let change."""
    fields = [segments(cause.get("field", "")) for cause in error.causes if REFUSALS.search(cause.get("message", ""))]
    touched = {path for path in changed for field in fields if covers(field, segments(path)) or covers(segments(path), field)}
    # A cause may name a field that the change implies (spec.clusterIPs for spec.clusterIP): then all of the change is meant.
    return touched or (set(changed) if fields else set())
