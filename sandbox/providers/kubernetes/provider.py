"""The provider's operations: server-side apply, dry run at preview, waiting, replacement, drift."""

from __future__ import annotations

import base64
import re
import secrets
import threading
import time
from typing import Any

from sandbox.errors import SandboxError
from sandbox.providers.kubernetes import readiness
from sandbox.providers.kubernetes.objects import ApiError, Manifest, Objects, UnknownKindError, as_described
from sandbox.providers.plugin import Change, Diff, NotReadyError, Plugin, Properties, Resource, differing, is_unknown

REPLACED_BY = {
    "*": r"apiVersion|kind|metadata\.(name|namespace)",
    "Deployment": r"spec\.selector.*",
    "DaemonSet": r"spec\.selector.*",
    "StatefulSet": r"spec\.(selector|serviceName|volumeClaimTemplates|podManagementPolicy).*",
    "Job": r"spec\.(selector|template|completions).*",
    "Service": r"spec\.clusterIP",
    "PersistentVolumeClaim": r"spec\.(accessModes|storageClassName|volumeMode|volumeName|selector|dataSource).*",
    "StorageClass": r"(provisioner|parameters|reclaimPolicy|volumeBindingMode).*",
    "PriorityClass": r"value",
    "RoleBinding": r"roleRef.*",
    "ClusterRoleBinding": r"roleRef.*",
    "Secret": r"type",
}
"""Property paths that the API server does not let change, as regular expressions by kind; ``*`` counts for every kind."""

POLL_SECONDS = 0.1
"""Between two looks at an object that is not ready; the API server is on this machine."""


class KubernetesPlugin(Plugin):
    """Every kind that the API server knows."""

    def __init__(self) -> None:
        self.objects: Objects | None = None
        self.kubeconfig: str | None = None
        self.cancelled = threading.Event()

    def configure(self, inputs: Properties) -> None:
        self.kubeconfig = inputs.get("kubeconfig")

    def check(self, resource: Resource, olds: Properties, news: Properties) -> Properties:
        if not {"apiVersion", "kind"} <= news.keys():
            raise SandboxError(
                f"the sandbox does not model {resource.type}", "use the typed resource of a kind, or leave it out of the local stack"
            )
        metadata = dict(news.get("metadata") or {})
        if "name" not in metadata and "generateName" not in metadata:
            old_name = (olds.get("metadata") or {}).get("name")
            metadata["name"] = old_name or f"{resource.name}-{secrets.token_hex(4)}"
        if self._is_namespaced(news):
            metadata.setdefault("namespace", "default")
        return {**news, "metadata": metadata}

    def diff(self, resource: Resource, old_inputs: Properties, old_state: Properties, news: Properties) -> Diff:
        kind = str(news.get("kind"))
        replacing = re.compile(f"(?:{REPLACED_BY['*']}|{REPLACED_BY.get(kind, '(?!)')})")
        immutable = kind in ("ConfigMap", "Secret") and old_inputs.get("immutable") is True
        changes = {
            path: Change.REPLACE if replacing.fullmatch(path) or (immutable and not path.startswith("metadata")) else Change.UPDATE
            for path in differing(old_inputs, news)
        }
        old_metadata, new_metadata = old_inputs.get("metadata", {}), news.get("metadata", {})
        same_place = all(old_metadata.get(key) == new_metadata.get(key) for key in ("name", "namespace"))
        return Diff(changes, delete_before_replace=same_place)

    def create(self, resource: Resource, inputs: Properties, preview: bool) -> tuple[str, Properties]:
        state = self._apply(resource, inputs, preview=preview)
        return self._id(inputs), state

    def read(self, resource: Resource, inputs: Properties, state: Properties) -> tuple[Properties, Properties] | None:
        try:
            live = self._connected().get(inputs or _from_id(resource.id, state))
        except UnknownKindError:
            return None
        if live is None:
            return None
        return _described(inputs, live), _outputs(live)

    def update(self, resource: Resource, old_inputs: Properties, old_state: Properties, news: Properties, preview: bool) -> Properties:
        return self._apply(resource, news, preview=preview)

    def delete(self, resource: Resource, inputs: Properties, state: Properties) -> None:
        manifest = inputs or state
        objects = self._connected()
        try:
            objects.delete(manifest)
        except UnknownKindError:
            return
        seconds = _timeout(manifest)
        deadline = time.monotonic() + seconds
        while not _skips(manifest) and objects.get(manifest) is not None:
            self._pause(f"{_title(manifest)} is not gone after {seconds:.0f} s; a finalizer may hold it", deadline)

    def cancel(self) -> None:
        self.cancelled.set()

    def _apply(self, resource: Resource, inputs: Properties, *, preview: bool) -> Properties:
        if preview and is_unknown(inputs):
            return inputs  # the API server cannot judge what is not known yet
        try:
            live = self._connected().apply(inputs, dry_run=preview)
        except UnknownKindError:
            if preview:
                return inputs  # this very update may bring the definition
            raise
        except ApiError as error:
            if preview and error.code == 404:
                return inputs  # this very update brings the namespace
            raise SandboxError(f"{_title(inputs)}: {error.problem}", error.fix) from error
        if preview:
            return _outputs(live)
        return _outputs(self._await_ready(inputs, live))

    def _await_ready(self, inputs: Properties, live: Manifest) -> Manifest:
        seconds = _timeout(inputs)
        deadline = time.monotonic() + seconds
        objects = self._connected()
        while not _skips(inputs) and (lacking := readiness.missing(objects, live)):
            try:
                self._pause(f"{_title(inputs)} is not ready after {seconds:.0f} s: {lacking}", deadline)
            except SandboxError as error:
                raise NotReadyError(self._id(inputs), _outputs(live), [error.problem]) from error
            live = objects.get(inputs) or live
        return live

    def _pause(self, late: str, deadline: float) -> None:
        if self.cancelled.wait(POLL_SECONDS):
            raise SandboxError("cancelled while waiting", "run the command again to go on")
        if time.monotonic() > deadline:
            raise SandboxError(late, f"look at it with kubectl describe, or raise the annotation {readiness.TIMEOUT}")

    def _is_namespaced(self, inputs: Properties) -> bool:
        try:
            return self._connected().kind(inputs["apiVersion"], inputs["kind"]).namespaced
        except UnknownKindError:
            return "namespace" in (inputs.get("metadata") or {})

    def _connected(self) -> Objects:
        if self.objects is None:
            self.objects = Objects(self.kubeconfig)
        return self.objects

    def _id(self, inputs: Properties) -> str:
        metadata = inputs["metadata"]
        return f"{metadata['namespace']}/{metadata['name']}" if self._is_namespaced(inputs) else metadata["name"]


def _title(manifest: Manifest) -> str:
    return f"{manifest['kind']} {manifest['metadata'].get('name')}"


def _skips(manifest: Manifest) -> bool:
    return (manifest["metadata"].get("annotations") or {}).get(readiness.SKIP) == "true"


def _timeout(manifest: Manifest) -> float:
    return float((manifest["metadata"].get("annotations") or {}).get(readiness.TIMEOUT, readiness.DEFAULT_SECONDS))


def _outputs(live: Manifest) -> Properties:
    """The live object without the bookkeeping of server-side apply, which changes at every look."""
    metadata = {key: value for key, value in live["metadata"].items() if key != "managedFields"}
    return {**live, "metadata": metadata}


def _described(inputs: Properties, live: Manifest) -> Properties:
    """The live values of what ``inputs`` set; a Secret's ``stringData`` is compared with the ``data`` it became."""
    described: dict[str, Any] = as_described({key: value for key, value in inputs.items() if key != "stringData"}, live)
    if "stringData" in inputs:
        data = live.get("data", {})
        described["stringData"] = {key: base64.b64decode(data[key]).decode() for key in inputs["stringData"] if key in data}
    return described


def _from_id(id: str, state: Properties) -> Manifest:
    """A manifest that is just enough to find the object again."""
    *namespace, name = id.split("/")
    place = {"namespace": namespace[0]} if namespace else {}
    return {"apiVersion": state["apiVersion"], "kind": state["kind"], "metadata": {"name": name, **place}}
