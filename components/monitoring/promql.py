"""The queries that the whole of monitoring shares: what is measured, as PromQL, with every label value escaped.

A query by ``track`` has one result for each track; by nothing it has one for the service. A window must hold two scrapes at least.
Source: https://prometheus.io/docs/prometheus/latest/querying/basics/
"""

from __future__ import annotations

import re
from typing import Literal

from contract import APPLICATION, ERRORS_METRIC, LATENCY_METRIC, REDIS, REQUESTS_METRIC, TRANSFERRED_METRIC

By = Literal["track", ""]

JOB = APPLICATION
"""Label ``job`` of the service's samples: its label ``app``."""
REDIS_JOB = REDIS
QUANTILE = 0.95
"""Guide, Alert Rules: latency is judged at P95."""


class Pattern(str):
    """A label value that is a regular expression of our own, such as a dashboard's ``$track``."""


def quoted(value: str) -> str:
    """A string literal: quotes, braces and line ends in ``value`` stay part of the value."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'


def series(metric: str, *conditions: str, **labels: str) -> str:
    """The series of ``metric`` whose labels have exactly the given values, or match a ``Pattern``.

    ``conditions`` are matchers of our own text.

    Raises ``ValueError`` for a metric or label name that Prometheus would not take.
    """
    if not re.fullmatch(r"[a-zA-Z_:][a-zA-Z0-9_:]*", metric):
        raise ValueError(f"{metric!r} is not the name of a metric")
    for name in labels:
        if not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", name):
            raise ValueError(f"{name!r} is not the name of a label")
    equal = (f"{name}{'=~' if isinstance(value, Pattern) else '='}{quoted(value)}" for name, value in labels.items())
    matchers = [*equal, *conditions]
    return f"{metric}{{{','.join(matchers)}}}"


def duration(seconds: int) -> str:
    """Whole seconds as Prometheus writes them, in the largest unit that divides them: ``300`` is ``5m``."""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def request_rate(window_seconds: int, by: By = "track", **labels: str) -> str:
    """Requests per second."""
    return _sum("rate", REQUESTS_METRIC, window_seconds, by, **labels)


def request_count(window_seconds: int, by: By = "track", **labels: str) -> str:
    """Requests in the window."""
    return _sum("increase", REQUESTS_METRIC, window_seconds, by, **labels)


def error_count(window_seconds: int, by: By = "track", **labels: str) -> str:
    """Failed requests in the window."""
    return _sum("increase", ERRORS_METRIC, window_seconds, by, **labels)


def error_ratio(window_seconds: int, by: By = "track", **labels: str) -> str:
    """Failed requests as a part of all, 0 to 1: 0 where no error was ever counted, no result where no request was."""
    requests = request_rate(window_seconds, by, **labels)
    return f"({_sum('rate', ERRORS_METRIC, window_seconds, by, **labels)} or 0 * {requests}) / ({requests} > 0)"


def latency(window_seconds: int, by: By = "track", **labels: str) -> str:
    """Seconds within which 95 % of the requests were answered; ``NaN`` where there was none."""
    buckets = f"{_service(f'{LATENCY_METRIC}_bucket', **labels)}[{duration(window_seconds)}]"
    grouping = f"({by}, le)" if by else "(le)"
    return f"histogram_quantile({QUANTILE}, sum by {grouping} (rate({buckets})))"


def slow_ratio(window_seconds: int, limit_seconds: int, by: By = "track", **labels: str) -> str:
    """Requests that took longer than ``limit_seconds``, a bound of a bucket, as a part of all; no result where none was."""
    # Prometheus 3 writes whole bounds as 1.0, earlier ones as the service does.
    fast = series(f"{LATENCY_METRIC}_bucket", f'le=~"{limit_seconds}([.]0)?"', job=JOB, **labels)
    fast_rate = f"sum{_grouping(by)}(rate({fast}[{duration(window_seconds)}]))"
    return f"1 - {fast_rate} / ({_sum('rate', f'{LATENCY_METRIC}_count', window_seconds, by, **labels)} > 0)"


def throughput(window_seconds: int, by: By = "", **labels: str) -> str:
    """Bytes per second."""
    return _sum("rate", TRANSFERRED_METRIC, window_seconds, by, **labels)


def _sum(function: str, metric: str, window_seconds: int, by: By, **labels: str) -> str:
    return f"sum{_grouping(by)}({function}({_service(metric, **labels)}[{duration(window_seconds)}]))"


def _grouping(by: By) -> str:
    return f" by ({by}) " if by else ""


def _service(metric: str, **labels: str) -> str:
    return series(metric, job=JOB, **labels)
