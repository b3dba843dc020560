"""The plugin of the embedded docker provider. It implements each operation with the class of the resource's type."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any, cast

import docker
from docker.errors import DockerException, NotFound
from requests.exceptions import ConnectionError as ConnectError
from requests.exceptions import RequestException

from embedded_cloud.errors import EmbeddedCloudError
from embedded_cloud.providers.docker.resource import DockerResource
from embedded_cloud.providers.docker.types import TYPES as TYPES
from embedded_cloud.providers.plugin import Change, Diff, NotReadyError, Plugin, Properties, ResourceState, changes_of, is_unknown

DEFAULT_HOST = "unix:///var/run/docker.sock"
CALL_SECONDS = 120
"""Timeout of one call to the Docker engine. It is long, because a container may need a minute to stop."""

TAKEN = ("port is already allocated", "address already in use")


class DockerPlugin(Plugin):
    """The embedded docker provider."""

    def __init__(self) -> None:
        self._host = ""
        self._registries: list[Properties] = []
        self._client: docker.DockerClient | None = None
        self._lock = Lock()

    def configure(self, inputs: Properties) -> None:
        self._host = inputs.get("host") or os.environ.get("DOCKER_HOST") or DEFAULT_HOST
        given: Any = inputs.get("registryAuth", [])
        self._registries = json.loads(given) if isinstance(given, str) and not is_unknown(given) else []

    def check(self, resource: ResourceState, olds: Properties, news: Properties) -> Properties:
        return DockerResource.of(resource.type).check(resource.name, news)

    def diff(self, resource: ResourceState, old_inputs: Properties, old_state: Properties, news: Properties) -> Diff:
        kind = DockerResource.of(resource.type)
        changes = changes_of(kind.replace_on, old_inputs, news)
        same_name = old_inputs.get("name") == news.get("name")
        return Diff(changes, delete_before_replace=same_name and Change.REPLACE in changes.values())

    def create(self, resource: ResourceState, inputs: Properties, preview: bool) -> tuple[str, Properties]:
        if preview:
            return "", inputs
        with self._explaining(resource):
            kind = self._kind(resource)
            id = kind.create(inputs)
            return id, self._settled(kind, id, inputs)

    def read(self, resource: ResourceState, inputs: Properties, state: Properties) -> tuple[Properties, Properties] | None:
        with self._explaining(resource):
            kind = self._kind(resource)
            live = kind.describe(resource.id)
        if live is None:
            return None
        return kind.observed(inputs, state, live), self._state(kind, inputs, live)

    def update(
        self, resource: ResourceState, old_inputs: Properties, old_state: Properties, news: Properties, preview: bool
    ) -> Properties:
        if preview:
            return {**old_state, **news}
        with self._explaining(resource):
            kind = self._kind(resource)
            kind.update(resource.id, old_inputs, news)
            return self._settled(kind, resource.id, news)

    def delete(self, resource: ResourceState, inputs: Properties, state: Properties) -> None:
        with self._explaining(resource):
            try:
                self._kind(resource).delete(resource.id, inputs)
            except NotFound:
                return

    def _settled(self, kind: DockerResource, id: str, inputs: Properties) -> Properties:
        reasons = kind.settle(id, inputs)
        live = kind.describe(id)
        if live is None:
            raise EmbeddedCloudError(
                f"{kind.token} {inputs['name']} was removed during its creation or update", "run `pulumi refresh`, then `pulumi up`"
            )
        state = self._state(kind, inputs, live)
        if reasons:
            raise NotReadyError(id, inputs, state, [f"{inputs['name']}: {reason}" for reason in reasons])
        return state

    @staticmethod
    def _state(kind: DockerResource, inputs: Properties, live: Properties) -> Properties:
        return {**{key: value for key, value in inputs.items() if key in kind.provider_only}, **live}

    def _kind(self, resource: ResourceState) -> DockerResource:
        with self._lock:
            if self._client is None:
                self._client = docker.DockerClient(
                    base_url=self._host, timeout=CALL_SECONDS, use_ssh_client=self._host.startswith("ssh://")
                )
        kind = cast("Callable[..., DockerResource]", DockerResource.of(resource.type))
        return kind(self._client, self._registries)

    @contextmanager
    def _explaining(self, resource: ResourceState) -> Iterator[None]:
        """Convert every error of the Docker client to one message that names the resource."""
        what = f"{resource.type} {resource.name}"
        try:
            yield
        except (EmbeddedCloudError, NotFound) as error:
            if isinstance(error, EmbeddedCloudError):
                raise
            fix = "correct the name if it is wrong; if someone has removed the object, run `pulumi refresh`, then `pulumi up`"
            raise EmbeddedCloudError(f"{what}: {error.explanation}", fix) from error
        except DockerException as error:
            message = str(getattr(error, "explanation", None) or error)
            if "Error while fetching server API version" in message:
                raise self._unreachable(what, error) from error
            raise EmbeddedCloudError(f"{what}: {message}", _fix(message)) from error
        except (ConnectError, RequestException) as error:
            raise self._unreachable(what, error) from error

    def _unreachable(self, what: str, error: Any) -> EmbeddedCloudError:
        return EmbeddedCloudError(
            f"{what}: the Docker host {self._host} cannot be reached: {error}",
            "start Docker on this host, or set the provider's input `host` or DOCKER_HOST to another host",
        )


def _fix(message: str) -> str:
    if any(each in message for each in TAKEN):
        return "end the program that listens on this port, or give the container another port"
    return "correct the input that the message names, and run `pulumi up` again"
