"""A client of the API server that is not Pulumi."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kubernetes.config import new_client_from_config
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import NotFoundError

Manifest = dict[str, Any]


class Cluster:
    """The API server through the official Python client, as another user or program uses it."""

    def __init__(self, kubeconfig: Path) -> None:
        self.client = DynamicClient(new_client_from_config(str(kubeconfig)))

    def get(self, path: str) -> Manifest | None:
        try:
            return self._call("GET", path)
        except NotFoundError:
            return None

    def post(self, path: str, body: Manifest) -> Manifest:
        return self._call("POST", path, body)

    def patch(self, path: str, change: Manifest, manager: str = "kubectl-edit") -> Manifest:
        return self._call("PATCH", path, change, field_manager=manager, content_type="application/merge-patch+json")

    def delete(self, path: str) -> None:
        self._call("DELETE", path)

    def _call(self, method: str, path: str, body: Manifest | None = None, **options: str) -> Any:
        return self.client.request(method, path, body=body, **options).to_dict()
