"""Objects of any kind handed to the API server as the program's own provider hands them over: by server-side apply."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, cast

import urllib3
from kubernetes.client.exceptions import ApiException

from delivery.clients.kubernetes import REQUEST_SECONDS, Cluster, ClusterError, Manifest

MANAGER = "pulumi-kubernetes"
"""How the program's provider calls itself; the official one may add a suffix, so a live object is asked first."""


@dataclass
class Objects:
    """Applies manifests to a cluster."""

    cluster: Cluster
    _kinds: dict[tuple[str, str], tuple[str, str, bool]] = field(default_factory=dict[tuple[str, str], tuple[str, str, bool]])

    def apply(self, manifest: Manifest, *, manager: str = MANAGER, dry_run: bool = False) -> Manifest:
        """Apply, or let the API server judge what it would become; what it refuses is a ``ClusterError`` with its words."""
        query = {"fieldManager": manager, "force": "true", "fieldValidation": "Strict"} | ({"dryRun": "All"} if dry_run else {})
        return self._patch(self.path(manifest), manifest, query)

    def get(self, manifest: Manifest) -> Manifest | None:
        """The live object, if there is one."""
        try:
            return self.cluster.request("GET", self.path(manifest))
        except ClusterError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    def path(self, manifest: Manifest) -> str:
        """Where the object lives."""
        api, plural, namespaced = self._kind(manifest["apiVersion"], manifest["kind"])
        metadata: dict[str, Any] = manifest["metadata"]
        within = f"/namespaces/{metadata.get('namespace', self.cluster.namespace)}" if namespaced else ""
        return f"{api}{within}/{plural}/{metadata['name']}"

    def _kind(self, api_version: str, kind: str) -> tuple[str, str, bool]:
        if (api_version, kind) not in self._kinds:
            api = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
            for each in self.cluster.request("GET", api)["resources"]:
                if "/" not in each["name"]:
                    self._kinds[api_version, each["kind"]] = (api, each["name"], each["namespaced"])
        try:
            return self._kinds[api_version, kind]
        except KeyError:
            raise ClusterError(
                f"the API server knows no kind {kind} in {api_version}", "install what brings it", status=HTTPStatus.NOT_FOUND
            ) from None

    def _patch(self, path: str, manifest: Manifest, query: dict[str, str]) -> Manifest:
        """The client's own helpers know no apply of any kind."""
        client = cast(Any, self.cluster.api)
        try:
            serialized = client.param_serialize(
                "PATCH",
                path,
                query_params=list(query.items()),
                header_params={"Accept": "application/json", "Content-Type": "application/apply-patch+yaml"},
                body=manifest,
                auth_settings=["BearerToken"],
            )
            answer = client.call_api(*serialized, _request_timeout=REQUEST_SECONDS)
            data = cast(bytes, answer.read())
        except (urllib3.exceptions.HTTPError, OSError, ApiException) as error:
            raise ClusterError(f"the API server does not answer: {error}", "check KUBECONFIG and the network") from error
        content = cast(Manifest, json.loads(data or b"{}"))
        if answer.status >= HTTPStatus.BAD_REQUEST:
            name = f"{manifest['kind']} {manifest['metadata']['name']}"
            raise ClusterError(
                f"the API server refuses {name}: {content.get('message', answer.status)}",
                "correct the program",
                status=answer.status,
            )
        return content


def manager_of(live: Manifest) -> str:
    """The name under which the program's provider applied an object."""
    entries = cast("list[dict[str, Any]]", live["metadata"].get("managedFields") or [])
    names = [each["manager"] for each in entries if each["operation"] == "Apply" and not each.get("subresource")]
    return next((name for name in names if name.startswith(MANAGER)), MANAGER)


def owns(live: Manifest, manager: str, *path: str) -> bool:
    """Whether ``manager`` has applied the field at ``path``."""
    for each in cast("list[dict[str, Any]]", live["metadata"].get("managedFields") or []):
        if (each["manager"], each["operation"]) != (manager, "Apply") or each.get("subresource"):
            continue
        tree: Any = each.get("fieldsV1", {})
        for part in path:
            tree = cast("dict[str, Any]", tree).get(f"f:{part}") if isinstance(tree, dict) else None
        return tree is not None
    return False
