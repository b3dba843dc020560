"""The PromQL queries that rules, dashboard and rollout share.

With ``by="track"``, a query has one result per track; with ``by=""``, one result for the whole service. A window must contain at
least two scrapes. Source: https://prometheus.io/docs/prometheus/latest/querying/basics/
"""

from __future__ import annotations

import re
from typing import Literal

from contract import APPLICATION, ERRORS_METRIC, LATENCY_METRIC, REDIS, REQUESTS_METRIC, TRANSFERRED_METRIC

By = Literal["track", ""]

JOB = APPLICATION
"""Label ``job`` of the service's samples: the value of the pods' label ``app``."""
REDIS_JOB = REDIS
QUANTILE = 0.95
"""Quantile of the latency that alerts and gates measure (guide, Alert Rules: P95)."""


class Pattern(str):
    """A label value that is a regular expression, such as a dashboard's ``$track``."""


def quoted(value: str) -> str:
    """A PromQL string literal, in which quotes, backslashes and line ends of ``value`` are escaped."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'


def series(metric: str, *conditions: str, **labels: str) -> str:
    """A PromQL selector of the series of ``metric`` whose labels have the given values, or match a ``Pattern``.

    Label values are escaped. ``conditions`` are further label matchers in PromQL, and are not escaped.

    Raises ``ValueError`` for an invalid name of a metric or label.
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
    """A duration in PromQL, in the largest unit that divides ``seconds`` without remainder: ``300`` is ``5m``."""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def request_rate(window_seconds: int, by: By = "track", **labels: str) -> str:
    """PromQL of the requests per second."""
    return _sum("rate", REQUESTS_METRIC, window_seconds, by, **labels)


def request_count(window_seconds: int, by: By = "track", **labels: str) -> str:
    """PromQL of the number of requests in the window."""
    return _sum("increase", REQUESTS_METRIC, window_seconds, by, **labels)


def error_count(window_seconds: int) -> str:
    """PromQL of the number of failed requests of both tracks in the window."""
    return _sum("increase", ERRORS_METRIC, window_seconds, "")


def error_ratio(window_seconds: int, by: By = "track", **labels: str) -> str:
    """PromQL of the ratio of failed requests to all requests: 0 if no error series exists, no result without requests."""
    requests = request_rate(window_seconds, by, **labels)
    return f"({_sum('rate', ERRORS_METRIC, window_seconds, by, **labels)} or 0 * {requests}) / ({requests} > 0)"


def latency(window_seconds: int, by: By = "track", **labels: str) -> str:
    """PromQL of the P95 latency in seconds; ``NaN`` without requests."""
    buckets = f"{_service(f'{LATENCY_METRIC}_bucket', **labels)}[{duration(window_seconds)}]"
    grouping = f"({by}, le)" if by else "(le)"
    return f"histogram_quantile({QUANTILE}, sum by {grouping} (rate({buckets})))"


def slow_ratio(window_seconds: int, limit_seconds: int) -> str:
    """PromQL of the share of both tracks' requests that took longer than ``limit_seconds``; no result without requests.

    ``limit_seconds`` must be the upper bound of a bucket.
    """
    # Prometheus 3 stores the bound 1 as 1.0; earlier versions keep the service's notation.
    fast = series(f"{LATENCY_METRIC}_bucket", f'le=~"{limit_seconds}([.]0)?"', job=JOB)
    fast_rate = f"sum(rate({fast}[{duration(window_seconds)}]))"
    return f"1 - {fast_rate} / ({_sum('rate', f'{LATENCY_METRIC}_count', window_seconds, '')} > 0)"


def throughput(window_seconds: int, by: By = "", **labels: str) -> str:
    """PromQL of the transferred bytes per second."""
    return _sum("rate", TRANSFERRED_METRIC, window_seconds, by, **labels)


def _sum(function: str, metric: str, window_seconds: int, by: By, **labels: str) -> str:
    return f"sum{_grouping(by)}({function}({_service(metric, **labels)}[{duration(window_seconds)}]))"


def _grouping(by: By) -> str:
    return f" by ({by}) " if by else ""


def _service(metric: str, **labels: str) -> str:
    return series(metric, job=JOB, **labels)
