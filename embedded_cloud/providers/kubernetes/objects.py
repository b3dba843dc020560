"""Kubernetes objects as the API server holds them: where they live, and how to get, apply and delete one."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from embedded_cloud.errors import EmbeddedCloudError
from embedded_cloud.providers.kubernetes.connection import ApiError, Connection, Manifest

MANAGER = "pulumi-kubernetes"
"""The field manager of the official provider as well, so that `kubectl get --show-managed-fields` reads the same."""

OURS = "kube-aggregator.kubernetes.io/automanaged"
"""The label of an APIService: ``onstart`` when the API server itself serves the group, ``true`` when a CRD brought it."""


class UnknownKindError(EmbeddedCloudError):
    """The API server has no such kind; ``may_come`` when a custom resource definition may still bring it."""

    def __init__(self, api_version: str, kind: str, may_come: bool) -> None:
        """Name the kind and the way out."""
        super().__init__(
            f"the API server knows no kind {kind} in {api_version}",
            "install the custom resource definition that brings it" if may_come else "correct apiVersion and kind",
        )
        self.may_come = may_come


@dataclass(frozen=True)
class Kind:
    """Where the objects of one apiVersion and kind live: ``api`` is the path of the group and version."""

    api: str
    plural: str
    namespaced: bool


class Objects:
    """The objects of one cluster. Safe for use by many threads."""

    def __init__(self, connection: Connection, namespace: str) -> None:
        """``namespace`` is where namespaced objects go that name none."""
        self.connection = connection
        self.namespace = namespace
        self.kinds: dict[tuple[str, str], Kind] = {}

    def kind(self, manifest: Manifest) -> Kind:
        """Look the object's kind up by discovery; raises :class:`UnknownKindError`."""
        api_version, kind = manifest["apiVersion"], manifest["kind"]
        if (api_version, kind) not in self.kinds:
            api = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
            for each in self._found(api, "resources"):
                if "/" not in each["name"]:
                    self.kinds[api_version, each["kind"]] = Kind(api, each["name"], each["namespaced"])
        try:
            return self.kinds[api_version, kind]
        except KeyError:
            raise UnknownKindError(api_version, kind, self._may_come(api_version)) from None

    def get(self, manifest: Manifest) -> Manifest | None:
        """The live object of the same kind, namespace and name, or None."""
        try:
            return self.connection.call("GET", self._path(manifest), title=title(manifest))
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    def apply(self, manifest: Manifest, *, dry_run: bool = False, force: bool = False) -> Manifest:
        """Server-side apply; without ``force``, a field that another manager holds at another value is a conflict (409)."""
        options = {"fieldManager": MANAGER, "force": str(force).lower(), "fieldValidation": "Strict"}
        query = urlencode(options | ({"dryRun": "All"} if dry_run else {}))
        return self.connection.call(
            "PATCH", f"{self._path(manifest)}?{query}", manifest, "application/apply-patch+yaml", title(manifest)
        )

    def delete(self, manifest: Manifest) -> None:
        """Start the deletion; what depends on the object follows in the background. One that is gone already is fine."""
        try:
            self.connection.call("DELETE", f"{self._path(manifest)}?propagationPolicy=Background", title=title(manifest))
        except ApiError as error:
            if error.code != 404:
                raise

    def listed(self, path: str, **selectors: str) -> list[Manifest]:
        """The items of the collection at ``path`` that ``labelSelector`` or ``fieldSelector`` choose."""
        return self._found(f"{path}?{urlencode(selectors)}", "items")

    def _path(self, manifest: Manifest) -> str:
        kind, metadata = self.kind(manifest), manifest["metadata"]
        space = f"/namespaces/{metadata.get('namespace') or self.namespace}" if kind.namespaced else ""
        return f"{kind.api}{space}/{kind.plural}/{metadata['name']}"

    def _found(self, path: str, key: str) -> list[Manifest]:
        try:
            return self.connection.call("GET", path).get(key) or []
        except ApiError as error:
            if error.code == 404:
                return []
            raise

    def _may_come(self, api_version: str) -> bool:
        """Whether a CRD may define kinds in this group: its name has a dot, and it is not one of the API server's own."""
        group, _, _ = api_version.rpartition("/")
        if "." not in group:
            return False
        services = self.listed("/apis/apiregistration.k8s.io/v1/apiservices", labelSelector=f"{OURS}=onstart")
        return all(service["spec"].get("group") != group for service in services)


def title(manifest: Manifest) -> str:
    """How messages name an object: ``Deployment shop/web``."""
    return f"{manifest['kind']} {identity(manifest)}"


def identity(manifest: Manifest) -> str:
    """The provider's id of an object: ``NAMESPACE/NAME``, or ``NAME`` where there is no namespace."""
    metadata = manifest["metadata"]
    return "/".join(str(metadata[key]) for key in ("namespace", "name") if metadata.get(key))


def group_kind(manifest: Manifest) -> str:
    """The kind with its API group, whatever the version: ``apps/Deployment``, ``core/Service``."""
    group, _, _ = str(manifest["apiVersion"]).rpartition("/")
    return f"{group or 'core'}/{manifest['kind']}"


def annotation(manifest: Manifest, name: str) -> str | None:
    """The value of an annotation, or None."""
    return (manifest["metadata"].get("annotations") or {}).get(name)
