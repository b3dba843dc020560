"""A client of the API server for objects of any kind, and the owners of their fields."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, cast

import urllib3
from kubernetes import config as kubeconfigs
from kubernetes.client import ApiClient
from kubernetes.client.exceptions import ApiException
from kubernetes.config.config_exception import ConfigException

from components.field_owners import OWNERSHIP
from delivery.clients.waiting import wait_until
from delivery.errors import DeliveryError

FIELD_MANAGER = "dwcp"
"""The field manager of the fields that ``dwcp`` changes."""
PROGRAM_MANAGER = "pulumi-kubernetes"
"""The field manager of Pulumi's Kubernetes provider, to which the provider can add a suffix (see :func:`manager_of`)."""
CHECK_SECONDS = 5.0
"""Time limit of the check of one object. The dry run is repeated if the object changes between the read and the dry run."""
CHECK_PAUSE_SECONDS = 0.2
REQUEST_SECONDS = 10
"""Time limit of one request to the API server."""

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"

Manifest = dict[str, Any]


class ClusterError(DeliveryError):
    """The API server refused a request, would refuse it, or did not answer."""

    def __init__(self, problem: str, fix: str, *, status: int = 0, message: str = "") -> None:
        super().__init__(problem, fix)
        self.status = status
        """The HTTP status of the response, or the one that describes a problem which this client found; 0 if there is none."""
        self.message = message or problem
        """The API server's own message, or the text of ``problem`` if the error was created without a message."""

    @property
    def transient(self) -> bool:
        """Whether the same request can succeed a moment later."""
        return self.status in (0, HTTPStatus.TOO_MANY_REQUESTS) or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR


class UnknownClusterError(DeliveryError):
    """The kubeconfig of the cluster is missing or not valid."""


class KubernetesClient:
    """A client for objects of any kind in ``namespace`` and in the whole cluster."""

    def __init__(self, api: ApiClient, namespace: str) -> None:
        self.api = api
        self.namespace = namespace
        self._kinds: dict[tuple[str, str], tuple[str, str, bool]] = {}

    @classmethod
    def of(cls, kubeconfig: dict[str, Any] | str | None, namespace: str) -> KubernetesClient:
        """A client for the cluster in ``kubeconfig``, the content or the path of a file; ``None`` means the user's default file.

        Raises ``UnknownClusterError`` if the kubeconfig is missing or not valid.
        """
        try:
            if isinstance(kubeconfig, dict):
                return cls(cast(Any, kubeconfigs).new_client_from_config_dict(kubeconfig), namespace)
            return cls(cast(Any, kubeconfigs).new_client_from_config(config_file=kubeconfig), namespace)
        except (ConfigException, OSError) as error:
            raise UnknownClusterError(str(error)) from error

    def request(
        self, method: str, path: str, body: object = None, *, query: Mapping[str, str] | None = None, accept: str = JSON
    ) -> Manifest:
        """The JSON response to one request. A PATCH is a merge patch. Raises ``ClusterError``."""
        return cast(Manifest, json.loads(self.raw(method, path, body, query=query, accept=accept) or b"{}"))

    def raw(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        query: Mapping[str, str] | None = None,
        accept: str = JSON,
        content: str | None = None,
    ) -> bytes:
        """The response to one request as bytes. ``content`` is the media type of the body; by default, a PATCH is a merge patch."""
        headers = {"Accept": accept}
        if body is not None:
            headers["Content-Type"] = content or (MERGE_PATCH if method == "PATCH" else JSON)
        client = cast(Any, self.api)
        try:
            serialized = client.param_serialize(
                method,
                path,
                query_params=list((query or {}).items()),
                header_params=headers,
                body=body,
                auth_settings=["BearerToken"],
            )
            answer = client.call_api(*serialized, _request_timeout=REQUEST_SECONDS)
            data = cast(bytes, answer.read())
        except (urllib3.exceptions.HTTPError, OSError, ApiException, ConfigException) as error:
            raise ClusterError(
                f"the API server does not answer: {error}",
                "check the network and your credentials, and also KUBECONFIG if the setting cluster.kubeconfig is `ambient`",
                status=0,
            ) from error
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise _refused(method, path, answer.status, data)
        return data

    def apply(self, manifest: Manifest, *, manager: str = PROGRAM_MANAGER, dry_run: bool = False) -> Manifest:
        """Apply the object by server-side apply, and return the result. With ``dry_run``, nothing is changed.

        If the API server refuses the object, raises ``ClusterError`` with the API server's message.
        """
        query = {"fieldManager": manager, "force": "true", "fieldValidation": "Strict"} | ({"dryRun": "All"} if dry_run else {})
        try:
            data = self.raw("PATCH", self.path(manifest), manifest, query=query, content=APPLY_PATCH)
        except ClusterError as error:
            raise _named(manifest, error) from error
        return cast(Manifest, json.loads(data or b"{}"))

    def check(self, manifest: Manifest) -> None:
        """Check by a dry run that the API server will accept the update of the object by Pulumi's provider.

        The dry run uses the provider's field manager, as the update will. If the API server refuses the object, raises
        ``ClusterError`` with the API server's message.
        """
        wait_until(
            lambda: self._check(manifest),
            lambda _: True,
            seconds=CHECK_SECONDS,
            pause=CHECK_PAUSE_SECONDS,
            transient=lambda error: isinstance(error, ClusterError) and error.status == HTTPStatus.CONFLICT,
        )

    def _check(self, manifest: Manifest) -> None:
        live = self.live(manifest)
        if live is None:
            self.apply(manifest, dry_run=True)
            return
        query = {"fieldManager": manager_of(live), "fieldValidation": "Strict", "dryRun": "All"}
        try:
            self.raw("PUT", self.path(manifest), merged(live, manifest), query=query)
        except ClusterError as error:
            raise _named(manifest, error) from error

    def live(self, manifest: Manifest) -> Manifest | None:
        """The object of ``manifest`` as it is in the cluster, or ``None`` if it does not exist."""
        try:
            return self.request("GET", self.path(manifest))
        except ClusterError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    def collection(self, api_version: str, kind: str, namespace: str | None) -> list[Manifest]:
        """All objects of a kind in ``namespace``; ``None`` means the client's namespace.

        If the kind is not namespaced, all objects in the cluster.
        """
        api, plural, namespaced = self._kind(api_version, kind)
        within = f"/namespaces/{namespace or self.namespace}" if namespaced else ""
        return self.request("GET", f"{api}{within}/{plural}")["items"]

    def require_namespace(self) -> None:
        """Raise ``ClusterError`` if the namespace does not exist or is being deleted.

        The API server refuses every new object in a namespace that is being deleted.
        """
        phase = self.request("GET", f"/api/v1/namespaces/{self.namespace}").get("status", {}).get("phase")
        if phase == "Terminating":
            raise ClusterError(
                f"the namespace {self.namespace} is being deleted, so no object can be created in it",
                f"wait until it is gone (kubectl wait --for=delete namespace/{self.namespace} --timeout=10m), then run "
                "`pulumi up --refresh`",
                status=HTTPStatus.CONFLICT,
            )

    def path(self, manifest: Manifest) -> str:
        """The object's path in the API."""
        api, plural, namespaced = self._kind(manifest["apiVersion"], manifest["kind"])
        metadata: dict[str, Any] = manifest["metadata"]
        within = f"/namespaces/{metadata.get('namespace', self.namespace)}" if namespaced else ""
        return f"{api}{within}/{plural}/{metadata['name']}"

    def _kind(self, api_version: str, kind: str) -> tuple[str, str, bool]:
        if (api_version, kind) not in self._kinds:
            api = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
            for each in self.request("GET", api)["resources"]:
                if "/" not in each["name"]:
                    self._kinds[api_version, each["kind"]] = (api, each["name"], each["namespaced"])
        try:
            return self._kinds[api_version, kind]
        except KeyError:
            raise ClusterError(
                f"the API server has no kind {kind} in {api_version}",
                "install the CustomResourceDefinition of this kind",
                status=HTTPStatus.NOT_FOUND,
            ) from None


def _refused(method: str, path: str, status: int, data: bytes) -> ClusterError:
    try:
        message = str(json.loads(data)["message"])
    except (ValueError, KeyError, TypeError):
        message = data.decode(errors="replace").strip()[:200] or HTTPStatus(status).phrase
    problem = f"the API server answers {method} {path} with {status}: {message}"
    fixes = {
        401: "log in again, for example with `aws sso login`",
        403: "use the deploy role",
        404: "run `pulumi up --refresh` first",
    }
    fix = fixes.get(
        status, "fix the cause if the message names one, then run the same command again; an interrupted rollout continues"
    )
    return ClusterError(problem, fix, status=status, message=message)


def _named(manifest: Manifest, error: ClusterError) -> ClusterError:
    """The error with the object's name added; the same error if the API server did not answer."""
    if not error.status:
        return error
    name = f"{manifest['kind']} {manifest['metadata']['name']}"
    return ClusterError(
        f"the API server refuses {name}: {error.message}", "fix the cause, for example in the program", status=error.status
    )


def merged(live: Manifest, manifest: Manifest) -> Manifest:
    """``live`` with the fields of ``manifest``. Objects are merged, and lists are replaced as a whole."""
    found = dict(live)
    for key, value in manifest.items():
        now = found.get(key)
        both = isinstance(value, dict) and isinstance(now, dict)
        found[key] = merged(cast(Manifest, now), cast(Manifest, value)) if both else value
    return found


def manager_of(live: Manifest) -> str:
    """The field manager of Pulumi's provider in a live object, with the provider's suffix.

    ``PROGRAM_MANAGER`` if the provider manages no field of the object. The manager of an apply takes precedence over the manager
    of an update.
    """
    entries = cast("list[dict[str, Any]]", live["metadata"].get("managedFields") or [])
    names = [
        each["manager"]
        for operation in ("Apply", "Update")
        for each in entries
        if each["operation"] == operation and not each.get("subresource")
    ]
    return next((name for name in names if name.startswith(PROGRAM_MANAGER)), PROGRAM_MANAGER)


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


def with_owned(manifest: Manifest, live: Manifest) -> Manifest:
    """``manifest`` plus some of the fields that it lacks, with their live values.

    These are the fields that have another owner (``OWNERSHIP``), but that Pulumi's provider applied when it created the object. An
    apply without such a field would reset it, for example the number of pods of a Deployment to 1.
    """
    kept, manager = copy.deepcopy(manifest), manager_of(live)
    for row in OWNERSHIP:
        *above, last = row.path.split(".")
        source, target = _within(live, above), _within(kept, above)
        if not row.type.endswith(f":{manifest['kind']}") or source is None or target is None:
            continue
        if last in source and last not in target and owns(live, manager, *above, last):
            target[last] = source[last]
    return kept


def _within(manifest: Manifest, path: Sequence[str]) -> Manifest | None:
    value: Any = manifest
    for part in path:
        value = cast(Manifest, value).get(part) if isinstance(value, dict) else None
    return cast("Manifest | None", value if isinstance(value, dict) else None)
