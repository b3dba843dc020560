"""The clients with which the doctor reads one environment. The doctor's threads share the clients."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

from contract import APP_LABEL, NAMESPACE, PROMETHEUS
from delivery.clients.environment import PROMETHEUS_VARIABLE, Environment, UnreachableError
from delivery.clients.kubernetes import KubernetesClient
from delivery.clients.prometheus import PrometheusClient
from delivery.doctor.facts import Changed, Manifest, Sample

Result = TypeVar("Result")


class NotStartedError(UnreachableError):
    """A source is not running because it is optional and the user has not started it. This is not a problem."""


class Sources:
    """The clients of ``environment``; ``drift`` returns the differences between the state and the cloud."""

    def __init__(self, environment: Environment, drift: Callable[[], Sequence[Changed]]) -> None:
        self.environment = environment
        self.drift = drift
        # One lock per value, so that a thread that waits for the state backend does not block a thread that reads the cluster.
        self._locks = {name: threading.Lock() for name in ("_cluster", "_outputs", "_prometheus")}
        self._query = threading.Lock()

    @property
    def cluster(self) -> KubernetesClient:
        """The environment's cluster."""
        return self._once("_cluster", lambda: self.environment.kubernetes)

    def namespaced(self, api: str, plural: str) -> list[Manifest]:
        """The objects of one kind in the platform's namespace."""
        return self.cluster.request("GET", f"{api}/namespaces/{self.environment.namespace}/{plural}")["items"]

    def output(self, component: str, name: str) -> Any:
        """An output of the stack. The state is read only once."""
        self._once("_outputs", lambda: self.environment.outputs)
        return self.environment.output(component, name)

    def query(self, promql: str) -> list[Sample]:
        """Every result of an instant query."""
        results: list[dict[str, Any]] = self.prometheus_api(f"/api/v1/query?{urlencode({'query': promql})}")["data"]["result"]
        return [Sample(labels=each["metric"], value=float(each["value"][1])) for each in results]

    def prometheus_api(self, path: str) -> dict[str, Any]:
        """The response of Prometheus' HTTP API to a GET of ``path``. Raises ``UnreachableError`` if there is no valid response."""
        if self.environment.name == "local" and self.environment.prometheus_url is None:
            raise NotStartedError("the sandbox has no Prometheus", "make monitoring")
        prometheus = self._once("_prometheus", lambda: PrometheusClient.of(self.environment))
        try:
            with self._query:  # one query at a time, because all queries use one forwarded port
                return prometheus.get(path)
        except (OSError, ValueError) as error:
            configured = f"check {PROMETHEUS_VARIABLE}, or unset it to use a forwarded port"
            bundled = f"kubectl get pods -n {NAMESPACE} -l {APP_LABEL}={PROMETHEUS}; or set {PROMETHEUS_VARIABLE}"
            fix = bundled if self.environment.prometheus_url is None else configured
            raise UnreachableError(f"Prometheus does not answer: {error}", fix) from error

    def _once(self, name: str, make: Callable[[], Result]) -> Result:
        """The result of ``make``, which is stored under ``name`` and returned to all later callers."""
        with self._locks[name]:
            if name not in self.__dict__:
                self.__dict__[name] = make()
            return self.__dict__[name]
