"""The plugin: finds the class of a resource type, and does what all types have in common."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

import docker
from docker.errors import DockerException, NotFound
from requests.exceptions import ConnectionError as ConnectError
from requests.exceptions import RequestException

from embedded_cloud.errors import SandboxError
from embedded_cloud.providers.aws.values import refreshed
from embedded_cloud.providers.docker.containers import Container
from embedded_cloud.providers.docker.parts import Network, RemoteImage, Volume
from embedded_cloud.providers.docker.resource import DockerResource
from embedded_cloud.providers.plugin import Change, Diff, NotReadyError, Plugin, Properties, Resource, differing, is_unknown

TYPES: dict[str, type[DockerResource]] = {kind.token: kind for kind in (Container, Network, RemoteImage, Volume)}

DEFAULT_HOST = "unix:///var/run/docker.sock"
CALL_SECONDS = 120
"""For one call of the engine; a container has a minute to stop."""

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

    def check(self, resource: Resource, olds: Properties, news: Properties) -> Properties:
        return self._type(resource).check(resource.name, news)

    def diff(self, resource: Resource, old_inputs: Properties, old_state: Properties, news: Properties) -> Diff:
        kind = self._type(resource)
        paths = list(differing(old_inputs, news))
        changes = {path: Change.REPLACE if _top(path) in kind.replace_on else Change.UPDATE for path in paths}
        same_name = old_inputs.get("name") == news.get("name")
        return Diff(changes, delete_before_replace=same_name and Change.REPLACE in changes.values())

    def create(self, resource: Resource, inputs: Properties, preview: bool) -> tuple[str, Properties]:
        if preview:
            return "", inputs
        with self._explaining(resource):
            kind = self._kind(resource)
            id = kind.create(inputs)
            return id, self._settled(kind, id, inputs)

    def read(self, resource: Resource, inputs: Properties, state: Properties) -> tuple[Properties, Properties] | None:
        with self._explaining(resource):
            kind = self._kind(resource)
            live = kind.describe(resource.id)
        if live is None:
            return None
        described = (kind.replace_on | kind.updatable) - kind.kept
        then, now = ({key: value for key, value in each.items() if key in described} for each in (state, live))
        return refreshed(inputs, then, now), self._state(kind, inputs, live)

    def update(
        self, resource: Resource, old_inputs: Properties, old_state: Properties, news: Properties, preview: bool
    ) -> Properties:
        if preview:
            return {**old_state, **news}
        with self._explaining(resource):
            kind = self._kind(resource)
            kind.update(resource.id, old_inputs, news)
            return self._settled(kind, resource.id, news)

    def delete(self, resource: Resource, inputs: Properties, state: Properties) -> None:
        with self._explaining(resource):
            try:
                self._kind(resource).delete(resource.id, inputs)
            except NotFound:
                return

    def _settled(self, kind: DockerResource, id: str, inputs: Properties) -> Properties:
        reasons = kind.settle(id, inputs)
        live = kind.describe(id)
        if live is None:
            raise SandboxError(f"{kind.token} {inputs['name']} was removed while it was made", "run `up` again")
        state = self._state(kind, inputs, live)
        if reasons:
            raise NotReadyError(id, inputs, state, [f"{inputs['name']}: {reason}" for reason in reasons])
        return state

    @staticmethod
    def _state(kind: DockerResource, inputs: Properties, live: Properties) -> Properties:
        return {**{key: value for key, value in inputs.items() if key in kind.kept}, **live}

    def _type(self, resource: Resource) -> type[DockerResource]:
        if resource.type not in TYPES:
            raise SandboxError(f"sandbox: no resource type {resource.type} here", "model it in embedded_cloud/providers/docker")
        return TYPES[resource.type]

    def _kind(self, resource: Resource) -> DockerResource:
        with self._lock:
            if self._client is None:
                self._client = docker.DockerClient(
                    base_url=self._host, timeout=CALL_SECONDS, use_ssh_client=self._host.startswith("ssh://")
                )
        return self._type(resource)(self._client, self._registries)

    @contextmanager
    def _explaining(self, resource: Resource) -> Iterator[None]:
        """Whatever the client raises becomes one message that names the resource."""
        what = f"{resource.type} {resource.name}"
        try:
            yield
        except (SandboxError, NotFound) as error:
            if isinstance(error, SandboxError):
                raise
            raise SandboxError(f"{what}: {error.explanation}", "look whether someone removed it, then run `up` again") from error
        except DockerException as error:
            words = str(getattr(error, "explanation", None) or error)
            if "Error while fetching server API version" in words:
                raise self._unreachable(what, error) from error
            raise SandboxError(f"{what}: {words}", _fix(words)) from error
        except (ConnectError, RequestException) as error:
            raise self._unreachable(what, error) from error

    def _unreachable(self, what: str, error: Any) -> SandboxError:
        return SandboxError(
            f"{what}: the Docker host {self._host} cannot be reached: {error}",
            "start Docker there, or name another one in dwcp-v3:docker.host or DOCKER_HOST",
        )


def _top(path: str) -> str:
    return path.split(".", 1)[0].split("[", 1)[0]


def _fix(words: str) -> str:
    if any(each in words for each in TAKEN):
        return "stop what listens on that port, or set another one in dwcp-v3:docker or dwcp-v3:application"
    return "mend the input it names and run `up` again"
