"""Queries to Prometheus. The result is a number, or the reason why there is none, for example no data, NaN or a failed query."""

from __future__ import annotations

import json
import math
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast
from urllib.parse import urlencode

import yaml

from contract import PROMETHEUS, PROMETHEUS_PORT
from delivery.clients._port_forward import PortForward
from delivery.clients.environment import Environment

ATTEMPT_SECONDS = 3.0
"""Time limit of one attempt. A query over a few minutes of one service's metrics takes milliseconds."""
ATTEMPTS = 2
RETRY_SECONDS = 0.2


class Gap(StrEnum):
    """The reason why a query does not return a number."""

    EMPTY = "no result"
    NOT_A_NUMBER = "NaN"
    """The value is NaN or infinite; the detail of the reading has the value."""
    PARTIAL = "a partial answer"
    SEVERAL = "several results"
    FAILED = "the query failed"


@dataclass(frozen=True)
class Reading:
    """A number, or the reason why there is none.

    ``at`` is the time on Prometheus' clock, which can differ from this machine's clock.
    """

    value: float | None
    gap: Gap | None = None
    detail: str = ""
    at: float | None = None
    """In Unix seconds; ``None`` unless the response contains exactly one sample."""


Fetch = Callable[[str, float], bytes]
"""Returns the response for a path with its query string, within a time limit in seconds. Raises ``OSError``."""


class PrometheusClient:
    """A client of the Prometheus that ``fetch`` reaches. If :meth:`query` fails, it returns the reason as ``gap``."""

    def __init__(self, fetch: Fetch, *, seconds: float = ATTEMPT_SECONDS) -> None:
        self._fetch = fetch
        self._seconds = seconds

    @classmethod
    def of(cls, environment: Environment) -> PrometheusClient:
        """A client of the Prometheus at ``DWCP_PROMETHEUS_URL``, or else of the bundled Prometheus.

        The bundled Prometheus is reached by a forwarded port, because its NetworkPolicy admits only Grafana.
        """
        url = environment.prometheus_url
        if url is not None:
            return cls(lambda path, seconds: _get(url.rstrip("/") + path, seconds))
        forward = PortForward(environment, PROMETHEUS, PROMETHEUS_PORT)
        return cls(lambda path, seconds: _get(forward.url() + path, seconds))

    def query(self, query: str) -> Reading:
        """The current value of ``query``. A failed call is repeated once, unless Prometheus refuses the query itself."""
        problem = ""
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(RETRY_SECONDS)
            try:
                answer: Any = json.loads(self._fetch(f"/api/v1/query?{urlencode({'query': query})}", self._seconds))
                return _reading(cast("dict[str, Any]", answer))
            except urllib.error.HTTPError as error:
                problem = f"{error.code} {error.reason}"
                if error.code in (400, 422):  # the query itself is wrong, so another attempt cannot help
                    break
            except OSError as error:
                problem = str(error)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                problem = f"the response is not in the format of Prometheus: {error!r}"
        return Reading(None, Gap.FAILED, problem)

    def get(self, path: str) -> dict[str, Any]:
        """The JSON response for ``path``, in one attempt. Raises ``OSError`` or ``ValueError``."""
        return json.loads(self._fetch(path, self._seconds))

    def scrape_interval(self) -> float | None:
        """The global scrape interval in the server's configuration, in seconds; ``None`` if it cannot be read."""
        try:
            answer: Any = json.loads(self._fetch("/api/v1/status/config", self._seconds))
            return _seconds(str(yaml.safe_load(answer["data"]["yaml"])["global"]["scrape_interval"]))
        except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
            return None

    def now(self) -> float | None:
        """The time on Prometheus' clock, in Unix seconds; ``None`` if Prometheus does not answer."""
        return self.query("time()").at


def _seconds(duration: str) -> float:
    """The number of seconds in a duration such as ``1m30s``."""
    parts = re.findall(r"(\d+)(ms|[smhd])", duration)
    if "".join(number + unit for number, unit in parts) != duration:
        raise ValueError(f"{duration!r} is not a duration")
    return sum(int(number) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}[unit] for number, unit in parts)


def _get(url: str, seconds: float) -> bytes:
    with urllib.request.urlopen(url, timeout=seconds) as answer:
        return cast(bytes, answer.read())


def _reading(answer: dict[str, Any]) -> Reading:
    """The reading in a response. Source: https://prometheus.io/docs/prometheus/latest/querying/api/."""
    if answer["status"] != "success":
        return Reading(None, Gap.FAILED, str(answer.get("error", "")))
    data = answer["data"]
    if data["resultType"] == "scalar":
        return _number(data["result"])
    results: list[dict[str, Any]] = data["result"]
    if answer.get("warnings"):  # a server that queries other servers, such as Thanos, warns if one did not answer
        return Reading(None, Gap.PARTIAL, "; ".join(map(str, answer["warnings"])))
    if not results:
        return Reading(None, Gap.EMPTY)
    if len(results) > 1:
        return Reading(None, Gap.SEVERAL, f"{len(results)} instead of one")
    return _number(results[0]["value"])


def _number(pair: list[Any]) -> Reading:
    at, value = float(pair[0]), float(pair[1])
    if not math.isfinite(value):
        return Reading(None, Gap.NOT_A_NUMBER, str(pair[1]), at)
    return Reading(value, at=at)
