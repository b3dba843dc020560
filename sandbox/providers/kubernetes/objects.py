"""Kubernetes objects as the API server holds them: where they live, and what of them is ours."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import urllib3
import yaml
from kubernetes.utils.quantity import parse_quantity

from sandbox.errors import SandboxError

Manifest = dict[str, Any]

MANAGER = "pulumi-kubernetes"
"""The field manager of the official provider as well, so that `kubectl get --show-managed-fields` reads the same."""


class UnknownKindError(SandboxError):
    """The API server has no such kind (yet): a custom resource whose definition is not applied."""


class ApiError(SandboxError):
    """The API server refused; ``code`` is the HTTP status, ``reason`` Kubernetes' own word for it."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        fix = "take the field back, or set the annotation pulumi.com/patchForce: 'true'" if reason == "Conflict" else "mend the named field"
        super().__init__(message, fix)
        self.code = code
        self.reason = reason


@dataclass(frozen=True)
class Kind:
    """Where the objects of one apiVersion and kind live."""

    api: str
    plural: str
    namespaced: bool


class Objects:
    """The objects of one cluster."""

    def __init__(self, kubeconfig: str | None) -> None:
        config = _kubeconfig(kubeconfig)
        context = next(each["context"] for each in config["contexts"] if each["name"] == config["current-context"])
        cluster = next(each["cluster"] for each in config["clusters"] if each["name"] == context["cluster"])
        user = next(each["user"] for each in config["users"] if each["name"] == context["user"])
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self.url: str = cluster["server"]
        self.pool = urllib3.PoolManager(
            maxsize=32, ca_cert_data=authority, retries=False, headers={"Authorization": f"Bearer {user['token']}"}, timeout=30
        )
        self.kinds: dict[tuple[str, str], Kind] = {}

    def path(self, manifest: Manifest) -> str:
        """The object's own path."""
        metadata = manifest["metadata"]
        return f"{self.collection(manifest)}/{metadata['name']}"

    def collection(self, manifest: Manifest) -> str:
        """The path of the collection that the object belongs to."""
        kind = self.kind(manifest["apiVersion"], manifest["kind"])
        space = f"/namespaces/{manifest['metadata'].get('namespace', 'default')}" if kind.namespaced else ""
        return f"{kind.api}{space}/{kind.plural}"

    def kind(self, api_version: str, kind: str) -> Kind:
        """Look the kind up by discovery; raises :class:`UnknownKindError`."""
        if (api_version, kind) not in self.kinds:
            api = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
            try:
                resources = self.call("GET", api)["resources"]
            except ApiError as error:
                if error.code != 404:
                    raise
                resources = []
            for each in resources:
                if "/" not in each["name"]:
                    self.kinds[api_version, each["kind"]] = Kind(api, each["name"], each["namespaced"])
        try:
            return self.kinds[api_version, kind]
        except KeyError:
            raise UnknownKindError(
                f"the API server knows no kind {kind} in {api_version}",
                "correct apiVersion and kind, or install the definition (CRD) that brings the kind",
            ) from None

    def get(self, manifest: Manifest) -> Manifest | None:
        """The live object, or None."""
        try:
            return self.call("GET", self.path(manifest))
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    def apply(self, manifest: Manifest, *, dry_run: bool) -> Manifest:
        """Server-side apply; a field that another manager holds at another value is a conflict, unless forced."""
        annotations = manifest["metadata"].get("annotations") or {}
        force = annotations.get("pulumi.com/patchForce") == "true"
        query = f"?fieldManager={MANAGER}&force={str(force).lower()}" + ("&dryRun=All" if dry_run else "")
        return self.call("PATCH", self.path(manifest) + query, manifest, "application/apply-patch+yaml")

    def delete(self, manifest: Manifest) -> None:
        """Start the deletion; an object that is gone already is fine."""
        try:
            self.call("DELETE", f"{self.path(manifest)}?propagationPolicy=Background")
        except ApiError as error:
            if error.code != 404:
                raise

    def events(self, namespace: str, selector: str) -> list[Manifest]:
        """The events of a namespace that match a field selector."""
        return self.call("GET", f"/api/v1/namespaces/{namespace}/events?fieldSelector={quote(selector)}")["items"]

    def call(self, method: str, path: str, body: Manifest | None = None, content_type: str = "application/json") -> Manifest:
        """One request to the API server."""
        try:
            headers = {**self.pool.headers, "Content-Type": content_type}
            response = self.pool.request(method, self.url + path, json=body, headers=headers)
        except urllib3.exceptions.HTTPError as error:
            raise SandboxError(f"the Kubernetes API at {self.url} does not answer: {error}", "see `make status`, then `make up`") from error
        answer = response.json()
        if response.status >= 400:
            raise ApiError(response.status, answer.get("reason", ""), answer.get("message", response.reason))
        return answer


def _kubeconfig(given: str | None) -> Mapping[str, Any]:
    """The kubeconfig given as text or path, else the file that KUBECONFIG names."""
    source = given or os.environ.get("KUBECONFIG", "")
    try:
        text = source if "clusters" in source else Path(source).read_text()
        return yaml.safe_load(text)
    except (OSError, yaml.YAMLError) as error:
        raise SandboxError(f"cannot read the kubeconfig {source!r}: {error}", "run `make up`, then `source .sandbox/env`") from error


def as_described(inputs: Any, live: Any) -> Any:
    """The part of ``live`` that ``inputs`` speak of, in their own words where both mean the same.

    What the server added or others own does not appear; what somebody changed or removed does.
    """
    if isinstance(inputs, dict) and isinstance(live, dict):
        found = {key: as_described(value, live[key]) for key, value in inputs.items() if key in live}
        return found | {key: value for key, value in inputs.items() if key not in live and not value}
    if isinstance(inputs, list) and isinstance(live, list):
        if len(inputs) == len(live):
            return [as_described(left, right) for left, right in zip(inputs, live, strict=True)]
        return live
    return inputs if same(inputs, live) else live


def same(left: Any, right: Any) -> bool:
    """Whether two scalars mean the same: ``2000m`` and ``2`` are one quantity."""
    if left == right:
        return True
    try:
        return parse_quantity(left) == parse_quantity(right)
    except (ValueError, TypeError, AttributeError):
        return False
