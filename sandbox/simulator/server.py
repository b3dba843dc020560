"""The HTTP server of the simulator: a proxy to the pods, an endpoint for each track, and an endpoint to control the simulation.

==========================================  ==========================================================================
``GET http://HOST:PORT/...`` (as a proxy)   the answer of that pod or node: ``/metrics``, ``/health``, ``/ready``, ``/``
``GET /tracks/TRACK/health`` or ``/ready``  200; 500 if the probe is set to fail for a version on the track; 503 without pods
``GET /health`` or ``/ready``               200; 500 if the probe is set to fail for a version of a pod
``GET /tracks/TRACK``                       one request to the track: 200; 500 at the version's error rate; 503 without pods
``GET /``                                   one request by the load balancer's weights: as for a track; 503 without a target
``GET /control``                            all settings and counters
``PUT /control/load``                       set the load: fields of ``Offer`` in JSON
``PUT /control/redis``                      set the state of Redis: fields of ``RedisState`` in JSON
``PUT /control/versions/X``                 set the behavior of version X: fields of ``Behaviour`` in JSON
``PUT /control/volumes/CLAIM``              set the state of the claim's volume: fields of ``VolumeState`` in JSON
``DELETE /control/versions/X``              reset the behavior of version X
==========================================  ==========================================================================
"""

from __future__ import annotations

import json
import random
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

from pydantic import ValidationError

from contract import APPLICATION
from sandbox.project import PROJECT
from sandbox.simulator import exposition
from sandbox.simulator.load import Behaviour, Load, Offer, Pod, RedisState, VolumeState, shares
from sandbox.simulator.world import World

NODES = frozenset(node.address for node in PROJECT.nodes)
"""The addresses of the nodes. As a proxy, the simulator answers requests to these addresses in place of the kubelets."""
LOOK_SECONDS = 0.5
"""The interval at which pods and weights are read."""

Answer = tuple[int, object]
"""HTTP status, and a text or an object that is sent as JSON."""


class Untyped(str):
    """A text that is sent without a Content-Type, as a Node service does after ``response.end(text)``."""


def say(text: str) -> None:
    """Print a line in the format of a container's log, which ``kubectl logs`` requires."""
    now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    print(f"{now} stdout F {text}", flush=True)


@dataclass
class Simulator:
    """The simulated load on a world. The lock protects changes of the load."""

    world: World
    load: Load = field(default_factory=Load)
    lock: threading.Lock = field(default_factory=threading.Lock)
    dice: random.Random = field(default_factory=random.Random)

    def run(self) -> None:
        """Simulate until the process ends. If the sandbox cannot be read, the last state stays in use."""
        before = time.monotonic()
        while True:
            try:
                self.world.refresh()
            except Exception as error:
                say(f"cannot read the sandbox: {type(error).__name__}: {error}")
            now = time.monotonic()
            with self.lock:
                self.load.advance(now - before, self.world.routes, self.world.service_pods)
            before = now
            time.sleep(LOOK_SECONDS)

    def get(self, path: str) -> Answer:
        """Answer a GET request to the simulator itself."""
        match [unquote(part) for part in path.strip("/").split("/")]:
            case [""]:
                return self._through_the_load_balancer()
            case ["control"]:
                return 200, self.summary()
            case ["tracks", track]:
                pods = self._pods(track)
                return self._request(self.dice.choice(pods)) if pods else _no_pod(track)
            case ["tracks", track, ("health" | "ready") as probe]:
                pods = self._pods(track)
                return self._probe(pods, probe) if pods else _no_pod(track)
            case ["health" | "ready" as probe]:  # the path of a request through `kubectl port-forward`
                return self._probe(list(self.world.service_pods), probe)
            case _:
                return 404, {"error": f"{path} is not a path of the simulator"}

    def proxied(self, host: str, port: int, path: str) -> Answer:
        """Answer a proxied request for the pod or kubelet at an address."""
        pod = self.world.at(host, port)
        if pod is None and host in NODES:
            return 200, exposition.kubelet(self.load, self.world, host, path)
        if pod is None:
            return 502, {"error": f"no pod at {host}:{port}"}
        if path == "/metrics":
            text = exposition.metrics(pod, self.load, self.world)
            if text is not None and pod.app == APPLICATION:
                return 200, Untyped(text)
            return (404, {"error": f"{pod.name} exports nothing"}) if text is None else (200, text)
        if path in ("/health", "/ready"):
            return self._probe([pod], path[1:])
        return self._request(pod)

    def put(self, path: str, body: bytes) -> Answer:
        """Change the simulation. Raises ``ValidationError`` if the body is not valid."""
        with self.lock:
            match [unquote(part) for part in path.strip("/").split("/")]:
                case ["control", "load"]:
                    self.load.offer = Offer.model_validate_json(body or b"{}")
                case ["control", "redis"]:
                    self.load.redis = RedisState.model_validate_json(body or b"{}")
                case ["control", "volumes", claim]:
                    self.load.volumes[claim] = VolumeState.model_validate_json(body or b"{}")
                case ["control", "versions", version]:
                    self.load.behaviours[version] = Behaviour.model_validate_json(body or b"{}")
                case _:
                    return 404, {"error": f"{path} cannot be set"}
        return 200, self.summary()

    def delete(self, path: str) -> Answer:
        """Reset a version's behavior."""
        match [unquote(part) for part in path.strip("/").split("/")]:
            case ["control", "versions", version]:
                with self.lock:
                    self.load.behaviours.pop(version, None)
                return 200, self.summary()
            case _:
                return 404, {"error": f"{path} cannot be deleted"}

    def summary(self) -> dict[str, object]:
        """All settings of the simulation, and its counters."""
        return {
            "load": self.load.offer.model_dump(by_alias=True),
            "redis": self.load.redis.model_dump(by_alias=True),
            "volumes": {name: each.model_dump(by_alias=True) for name, each in self.load.volumes.items()},
            "versions": {name: each.model_dump(by_alias=True) for name, each in self.load.behaviours.items()},
            "weights": [{"weight": route.weight, "targets": list(route.targets)} for route in self.world.routes],
            "tracks": self.load.by_track(self.world.service_pods),
            "unanswered": round(self.load.unanswered, 1),
        }

    def _pods(self, track: str) -> list[Pod]:
        """The pods that get the track's requests. As with a Service, terminating pods get requests only if there are no others."""
        pods = [pod for pod in self.world.service_pods if pod.track == track]
        return [pod for pod in pods if not pod.terminating] or pods

    def _probe(self, pods: list[Pod], probe: str) -> Answer:
        failing = sorted({pod.version for pod in pods if not getattr(self.load.behaviour(pod.version), _field(probe))})
        return (500, {"status": "failing", "versions": failing}) if failing else (200, {"status": "ok"})

    def _request(self, pod: Pod) -> Answer:
        status = 500 if self.dice.random() < self.load.behaviour(pod.version).error_rate else 200
        return status, {"pod": pod.name, "track": pod.track, "version": pod.version}

    def _through_the_load_balancer(self) -> Answer:
        parts, _ = shares(self.world.routes)
        roll = self.dice.random()
        for ip, part in parts.items():
            roll -= part
            if roll < 0 and (pod := next((each for each in self.world.service_pods if each.ip == ip), None)):
                return self._request(pod)
        return 503, {"error": "no target"}


def _field(probe: str) -> str:
    return {"health": "healthy", "ready": "ready"}[probe]


def _no_pod(track: str) -> Answer:
    return 503, {"error": f"no pod on track {track}"}


def server(simulator: Simulator, port: int) -> ThreadingHTTPServer:
    """A server for the simulator on 127.0.0.1:``port``, which does not serve yet."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            if url.hostname:
                self._answer(simulator.proxied(url.hostname, url.port or 80, url.path))
            else:
                self._answer(simulator.get(url.path))

        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                self._answer(simulator.put(self.path, body))
            except ValidationError as error:
                self._answer((400, {"error": error.errors(include_url=False, include_context=False, include_input=False)}))

        def do_DELETE(self) -> None:
            self._answer(simulator.delete(self.path))

        def _answer(self, answer: Answer) -> None:
            status, content = answer
            text = content if isinstance(content, str) else json.dumps(content)
            body = text.encode()
            self.send_response(status)
            if not isinstance(content, Untyped):
                self.send_header("Content-Type", exposition.CONTENT_TYPE if isinstance(content, str) else "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Print the line that ``kubectl logs`` shows for a request. Requests of Prometheus print nothing."""
            if "/metrics" not in self.path:
                say(format % args)

    return ThreadingHTTPServer(("127.0.0.1", port), Handler)
