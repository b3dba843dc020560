"""Drives the kubernetes provider as the engine does, and looks at the cluster with a client of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kubernetes.config import new_client_from_config
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import NotFoundError

from embedded_cloud.providers.kubernetes.provider import KubernetesPlugin
from embedded_cloud.providers.plugin import Diff, NotReadyError, Properties, Resource

Manifest = dict[str, Any]


def path_of(manifest: Manifest, plural: str) -> str:
    """The object's path, from the plural that the test states: the provider's discovery is not asked."""
    version, metadata = manifest["apiVersion"], manifest["metadata"]
    space = f"/namespaces/{metadata['namespace']}" if "namespace" in metadata else ""
    return f"/{'apis' if '/' in version else 'api'}/{version}{space}/{plural}/{metadata['name']}"


class Cluster:
    """The API server as somebody else sees and changes it: through the official Python client."""

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


@dataclass(frozen=True)
class Managed:
    """A resource in the engine's state."""

    provider: KubernetesPlugin
    resource: Resource
    inputs: Properties
    state: Properties

    def diff(self, news: Manifest, *ignored: str) -> Diff:
        checked = self.provider.check(self.resource, self.inputs, news)
        return self.provider.diff(self._leaving(ignored), self.inputs, self.state, checked)

    def update(self, news: Manifest, *ignored: str) -> Managed:
        checked = self.provider.check(self.resource, self.inputs, news)
        state = self.provider.update(self._leaving(ignored), self.inputs, self.state, checked, False)
        return replace(self, inputs=checked, state=state)

    def preview_update(self, news: Manifest) -> Properties:
        return self.provider.update(self.resource, self.inputs, self.state, news, True)

    def refresh(self) -> Managed | None:
        """The engine keeps a resource that is there but not ready, with a warning."""
        try:
            found = self.provider.read(self.resource, self.inputs, self.state)
        except NotReadyError as error:
            found = error.inputs, error.state
        return None if found is None else replace(self, inputs=found[0], state=found[1])

    def delete(self) -> None:
        self.provider.delete(self.resource, self.inputs, self.state)

    def _leaving(self, ignored: tuple[str, ...]) -> Resource:
        return replace(self.resource, ignore_changes=ignored)


def resource_of(manifest: Manifest, name: str, **fields: Any) -> Resource:
    """The resource as the SDK registers it."""
    version = manifest["apiVersion"] if "/" in manifest["apiVersion"] else f"core/{manifest['apiVersion']}"
    token = f"kubernetes:{version}:{manifest['kind']}"
    return Resource(type=token, name=name, urn=f"urn:pulumi:local::dwcp-v3::{token}::{name}", **fields)


def create(provider: KubernetesPlugin, manifest: Manifest, name: str = "logical") -> Managed:
    resource = resource_of(manifest, name)
    inputs = provider.check(resource, {}, manifest)
    id, state = provider.create(resource, inputs, False)
    return Managed(provider, replace(resource, id=id), inputs, state)


def preview(provider: KubernetesPlugin, manifest: Manifest, name: str = "logical") -> Properties:
    resource = resource_of(manifest, name)
    return provider.create(resource, provider.check(resource, {}, manifest), True)[1]
