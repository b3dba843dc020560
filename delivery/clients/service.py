"""Checks the service by calling it, because a Ready pod proves only that the readiness probe was answered."""

from __future__ import annotations

import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPException

from contract import DEPLOYMENTS, SERVICE_PORT, TrackName
from delivery.clients._port_forward import PortForward
from delivery.clients.environment import Environment
from delivery.clients.waiting import wait_until
from delivery.errors import DeliveryError, UsageError

URL_VARIABLE = "DWCP_SERVICE_URL"
"""Environment variable with the URL of the service, if the load balancer's URL must not be used.

``{track}`` in the URL is replaced by the track's name: ``http://127.0.0.1:9000/tracks/{track}``.
"""
END_TO_END_VARIABLE = "DWCP_E2E_COMMAND"
"""Environment variable with the command of the end-to-end test, for example ``npm run test:e2e``. The command gets ``BASE_URL``."""

REQUEST_SECONDS = 5.0
PATIENCE_SECONDS = 60.0
"""Time for a service to become healthy after an update."""
PAUSE_SECONDS = 0.5
SUCCESSES = 3
"""Number of consecutive successful calls of each path after which the service counts as healthy."""
REQUESTS = 20
"""Number of requests of the smoke test."""
FAILURES_ALLOWED = 1
"""Number of requests of the smoke test that may fail.

A service in good condition fails a request now and then. If no failure were allowed, an error rate of 0.02 % would roll back 1 in
250 deployments, because 20 requests with this error rate contain a failure with a probability of 0.4 %. The smoke test finds a
service that is broken; the metrics verification measures the error rate.
"""
END_TO_END_SECONDS = 600.0

Fetch = Callable[[str], tuple[int, str]]
"""Returns the HTTP status and the start of the body for a path. Without a response, the status is 0, and the text is the error."""


class HealthError(DeliveryError):
    """The service cannot be called, is not healthy, or fails its smoke test or its end-to-end test."""


@dataclass(frozen=True)
class ServiceClient:
    """A client of the HTTP interface of one track (``stable`` or ``canary``) of the service."""

    track: TrackName
    address: str
    """The address in messages, and the ``BASE_URL`` of the end-to-end test."""
    fetch: Fetch
    environment: Environment

    @classmethod
    def of(cls, environment: Environment, track: TrackName = "stable", url: str | None = None) -> ServiceClient:
        """A client of the service at ``url`` or ``DWCP_SERVICE_URL``.

        Without a URL, the track ``stable`` is called at the load balancer. The canary is called through a forwarded port: the load
        balancer sends no requests to a canary at 0 %, and the canary's NetworkPolicy blocks the API server's proxy. Raises
        ``UsageError`` if the URL does not start with ``http://`` or ``https://``, and ``HealthError`` for stable of ``local``
        without a URL.
        """
        given = url or environment.variables.get(URL_VARIABLE)
        if given:
            if not given.startswith(("http://", "https://")):
                raise UsageError(
                    f"{given} is not a URL of the service", f"export {URL_VARIABLE}='http://HOST:PORT/tracks/{{track}}'"
                )
            return cls._at(environment, track, given.replace("{track}", track).rstrip("/"))
        if track == "canary":
            return cls._forwarded(environment, track)
        if environment.name == "local":
            raise HealthError(
                "the sandbox's pods do not answer requests",
                f"make monitoring (it starts a simulator that answers for the pods), or set {URL_VARIABLE} or --health-url",
            )
        return cls._at(environment, track, str(environment.output("loadBalancer", "url")).rstrip("/"))

    @classmethod
    def _at(cls, environment: Environment, track: TrackName, base: str) -> ServiceClient:
        return cls(track, base, lambda path: _get(base + path), environment)

    @classmethod
    def _forwarded(cls, environment: Environment, track: TrackName) -> ServiceClient:
        forward = PortForward(environment, DEPLOYMENTS[track], SERVICE_PORT)

        def fetch(path: str) -> tuple[int, str]:
            try:
                return _get(forward.url() + path)
            except OSError as error:
                return 0, str(error)

        return cls(track, f"a pod of {DEPLOYMENTS[track]}", fetch, environment)

    def require_health(self, patience: float = PATIENCE_SECONDS) -> str:
        """Wait until ``/health`` and ``/ready`` return 200 several times in a row.

        Raises ``HealthError`` after ``patience`` seconds.
        """
        bad = wait_until(self._trouble, lambda trouble: not trouble, seconds=patience, pause=PAUSE_SECONDS)
        if bad:
            raise HealthError(
                f"{self.track} is not healthy: {bad}", f"look for the cause: dwcp doctor --environment {self.environment.name}"
            )
        return f"{self.address} is healthy and ready"

    def _trouble(self) -> str:
        """The first failure, or an empty string after ``SUCCESSES`` successful calls in a row."""
        return next((bad for _ in range(SUCCESSES) for bad in self._bad("/health", "/ready")), "")

    def require_smoke(self) -> str:
        """Send ``REQUESTS`` requests.

        Raises ``HealthError`` if more than ``FAILURES_ALLOWED`` get a 5xx status or no response.
        """
        answers = [self.fetch("/") for _ in range(REQUESTS)]
        failed = [(status, body) for status, body in answers if status == 0 or status >= 500]
        if not failed:
            return f"{REQUESTS} requests answered"
        status, body = failed[0]
        problem = f"{len(failed)} of {REQUESTS} requests to {self.address}/ failed, the first with {status or 'no answer'}: {body}"
        if len(failed) > FAILURES_ALLOWED:
            raise HealthError(problem, f"look for the cause: dwcp doctor --environment {self.environment.name}")
        return f"{problem} ({FAILURES_ALLOWED} may fail)"

    def require_end_to_end(self) -> str:
        """Run the end-to-end test in ``DWCP_E2E_COMMAND``, if the variable is set. Raises ``HealthError`` if the test fails."""
        command = self.environment.variables.get(END_TO_END_VARIABLE)
        if not command:
            return ""
        try:
            done = subprocess.run(
                ["/bin/sh", "-c", command],
                env={**self.environment.variables, "BASE_URL": self.address},
                capture_output=True,
                text=True,
                check=False,
                timeout=END_TO_END_SECONDS,
            )
        except subprocess.TimeoutExpired as error:
            raise HealthError(
                f"`{command}` did not end within {END_TO_END_SECONDS:.0f} s", f"run it by hand with BASE_URL={self.address}"
            ) from error
        if done.returncode:
            lines = (done.stdout + done.stderr).strip().splitlines()[-5:]
            raise HealthError(f"`{command}` failed: {' / '.join(lines)}", f"run it by hand with BASE_URL={self.address}")
        return f"`{command}` passed"

    def _bad(self, *paths: str) -> Iterator[str]:
        for path in paths:
            status, body = self.fetch(path)
            if status != 200:
                yield f"{self.address}{path} answers {status or 'nothing'}: {body}"


def _get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=REQUEST_SECONDS) as answer:
            return answer.status, answer.read(200).decode(errors="replace")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(200).decode(errors="replace")
    except (OSError, ValueError, HTTPException) as error:
        return 0, str(error)
