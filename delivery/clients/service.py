"""Whether the service works, asked of the service itself: a Ready pod proves that a probe was answered once, no more."""

from __future__ import annotations

import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from contract import DEPLOYMENTS, TrackName
from delivery.clients.environment import Environment
from delivery.clients.kubernetes import ClusterError
from delivery.clients.waiting import wait_until
from delivery.errors import DeliveryError, UsageError

URL_VARIABLE = "DWCP_SERVICE_URL"
"""Where the service answers, if not at the load balancer: ``http://127.0.0.1:9000/tracks/{track}``; ``{track}`` is filled in."""
END_TO_END_VARIABLE = "DWCP_E2E_COMMAND"
"""A command that tests the service at ``BASE_URL`` from end to end, such as ``npm run test:e2e`` in its folder."""

REQUEST_SECONDS = 5.0
PATIENCE_SECONDS = 60.0
"""For a service that has just been updated to answer well; an error after that is one."""
PAUSE_SECONDS = 0.5
SUCCESSES = 3
"""In a row that count as health."""
REQUESTS = 20
"""Of the smoke test, none of which may end in a 5xx."""
END_TO_END_SECONDS = 600.0

Fetch = Callable[[str], tuple[int, str]]
"""From a path to the status and the body's beginning; status 0 without an answer."""


class HealthError(DeliveryError):
    """The service does not work; nothing was changed by finding out."""


@dataclass(frozen=True)
class Service:
    """One track of the service, as it answers."""

    track: TrackName
    where: str
    """For messages, and ``BASE_URL`` of the end-to-end test where it is a URL."""
    fetch: Fetch
    environment: Environment

    @classmethod
    def of(cls, environment: Environment, track: TrackName = "stable", url: str | None = None) -> Service:
        """At ``url`` or ``DWCP_SERVICE_URL``; else stable at the load balancer, and the canary through the API server.

        No traffic reaches a canary at 0 % from outside, but the API server can call its pods.
        """
        given = url or environment.variables.get(URL_VARIABLE)
        if given:
            if not given.startswith(("http://", "https://")):
                raise UsageError(
                    f"{given} is not a URL of the service", f"export {URL_VARIABLE}='http://HOST:PORT/tracks/{{track}}'"
                )
            return cls._at(environment, track, given.replace("{track}", track).rstrip("/"))
        if track == "stable" and environment.name != "local":
            return cls._at(environment, track, str(environment.output("loadBalancer", "url")).rstrip("/"))
        if environment.name == "local":
            raise HealthError(
                "nothing that answers stands behind the sandbox's pods",
                f"start the simulator and export {URL_VARIABLE}='http://127.0.0.1:PORT/tracks/{{track}}', or give --health-url",
            )
        return cls._through_the_cluster(environment, track)

    @classmethod
    def _at(cls, environment: Environment, track: TrackName, base: str) -> Service:
        return cls(track, base, lambda path: _get(base + path), environment)

    @classmethod
    def _through_the_cluster(cls, environment: Environment, track: TrackName) -> Service:
        cluster = environment.kubernetes
        proxy = f"/api/v1/namespaces/{cluster.namespace}/services/{DEPLOYMENTS[track]}:http/proxy"

        def fetch(path: str) -> tuple[int, str]:
            try:
                return 200, cluster.raw("GET", proxy + path, seconds=REQUEST_SECONDS).decode(errors="replace")[:200]
            except ClusterError as error:
                return error.status, error.problem

        return cls(track, f"{DEPLOYMENTS[track]} through the API server", fetch, environment)

    def require_health(self, patience: float = PATIENCE_SECONDS) -> str:
        """``/health`` and ``/ready`` answer 200 several times in a row; raises ``HealthError`` when they do not in time."""
        bad = wait_until(self._trouble, lambda trouble: not trouble, seconds=patience, pause=PAUSE_SECONDS)
        if bad:
            raise HealthError(
                f"{self.track} is not healthy: {bad}", f"look for the cause: dwcp doctor --environment {self.environment.name}"
            )
        return f"{self.where} is healthy and ready"

    def _trouble(self) -> str:
        """What is wrong at the first bad answer; nothing after ``SUCCESSES`` good ones in a row."""
        return next((bad for _ in range(SUCCESSES) for bad in self._bad("/health", "/ready")), "")

    def require_smoke(self) -> str:
        """A few requests, none of which the service fails; raises ``HealthError``."""
        answers = [self.fetch("/") for _ in range(REQUESTS)]
        failed = [(status, body) for status, body in answers if status == 0 or status >= 500]
        if failed:
            status, body = failed[0]
            raise HealthError(
                f"{len(failed)} of {REQUESTS} requests to {self.where}/ failed, the first with {status or 'no answer'}: {body}",
                f"look for the cause: dwcp doctor --environment {self.environment.name}",
            )
        return f"{REQUESTS} requests answered"

    def require_end_to_end(self) -> str:
        """The service's own end-to-end test, where ``DWCP_E2E_COMMAND`` names one; raises ``HealthError``."""
        command = self.environment.variables.get(END_TO_END_VARIABLE)
        if not command:
            return ""
        try:
            done = subprocess.run(
                ["/bin/sh", "-c", command],
                env={**self.environment.variables, "BASE_URL": self.where},
                capture_output=True,
                text=True,
                check=False,
                timeout=END_TO_END_SECONDS,
            )
        except subprocess.TimeoutExpired as error:
            raise HealthError(
                f"`{command}` was not done after {END_TO_END_SECONDS:.0f} s", f"run it by hand with BASE_URL={self.where}"
            ) from error
        if done.returncode:
            words = (done.stdout + done.stderr).strip().splitlines()[-5:]
            raise HealthError(f"`{command}` failed: {' / '.join(words)}", f"run it by hand with BASE_URL={self.where}")
        return f"`{command}` passed"

    def _bad(self, *paths: str) -> Iterator[str]:
        for path in paths:
            status, body = self.fetch(path)
            if status != 200:
                yield f"{self.where}{path} answers {status or 'nothing'}: {body}"


def _get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=REQUEST_SECONDS) as answer:
            return answer.status, answer.read(200).decode(errors="replace")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(200).decode(errors="replace")
    except (OSError, ValueError) as error:
        return 0, str(error)
