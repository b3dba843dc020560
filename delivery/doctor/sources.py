"""The clients of one environment that the doctor reads with, shared by its threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

from delivery.clients.environment import PROMETHEUS_VARIABLE, Environment, UnreachableError
from delivery.clients.kubernetes import KubernetesClient
from delivery.clients.prometheus import Prometheus
from delivery.doctor.facts import Changed, Manifest, Sample

NO_PROMETHEUS = f"check {PROMETHEUS_VARIABLE}, or unset it to ask by a forwarded port"

Result = TypeVar("Result")


class NotStartedError(UnreachableError):
    """What was not started on purpose, and so is no trouble."""


class Sources:
    """The clients of ``environment``; ``drift`` says what differs from its state."""

    def __init__(self, environment: Environment, drift: Callable[[], Sequence[Changed]]) -> None:
        self.environment = environment
        self.drift = drift
        # One for each: who waits for the state's backend must not keep the cluster from those who can reach it.
        self._locks = {name: threading.Lock() for name in ("_client", "_outputs", "_prometheus", "_asking")}

    @property
    def cluster(self) -> KubernetesClient:
        """The environment's cluster."""
        return self._once("_client", lambda: self.environment.kubernetes)

    def namespaced(self, api: str, plural: str) -> list[Manifest]:
        """The objects of one kind in the platform's namespace."""
        return self.cluster.request("GET", f"{api}/namespaces/{self.environment.namespace}/{plural}")["items"]

    def output(self, component: str, name: str) -> Any:
        """An output of the stack, whose state is read once."""
        self._once("_outputs", lambda: self.environment.outputs)
        return self.environment.output(component, name)

    def query(self, promql: str) -> list[Sample]:
        """Every result of an instant query."""
        results: list[dict[str, Any]] = self.ask_prometheus(f"/api/v1/query?{urlencode({'query': promql})}")["data"]["result"]
        return [Sample(labels=each["metric"], value=float(each["value"][1])) for each in results]

    def ask_prometheus(self, path: str) -> dict[str, Any]:
        """An answer of its API. Raises ``UnreachableError``."""
        if self.environment.name == "local" and self.environment.prometheus_url is None:
            raise NotStartedError("no Prometheus runs beside the sandbox", "make monitoring")
        prometheus = self._once("_prometheus", lambda: Prometheus.of(self.environment))
        try:
            with self._locks["_asking"]:  # one forwarded port serves all questions
                return prometheus.get(path)
        except (OSError, ValueError) as error:
            raise UnreachableError(f"Prometheus does not answer: {error}", NO_PROMETHEUS) from error

    def _once(self, name: str, make: Callable[[], Result]) -> Result:
        """What ``make`` gives the first caller, also to those who ask meanwhile."""
        with self._locks[name]:
            if name not in self.__dict__:
                self.__dict__[name] = make()
            return self.__dict__[name]
