"""The metrics check of a deployment: a few requests are not conclusive."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from components.settings import RolloutSettings
from delivery.clients.prometheus import PrometheusClient
from delivery.releases._metrics import DegradedError, conclude
from delivery.releases.steps import Skipped

SETTINGS = RolloutSettings(minimum_requests=100)


def prometheus(requests: float, errors: float) -> PrometheusClient:
    """A Prometheus whose track had this many requests, of which this share failed."""

    def fetch(path: str, _seconds: float) -> bytes:
        query = parse_qs(urlsplit(path).query).get("query", [""])[0]
        value = requests if "increase(" in query else errors if "errors" in query else 0.1
        result = [{"metric": {}, "value": [1.0, str(value)]}]
        return json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}}).encode()

    return PrometheusClient(fetch)


@pytest.mark.parametrize(("requests", "errors"), [(5, 0.2), (99, 1.0), (0, 0.0)])
def test_too_few_requests_do_not_roll_back(requests: float, errors: float) -> None:
    found = conclude(prometheus(requests, errors), SETTINGS, 90, "staging")
    assert isinstance(found, Skipped)
    assert f"{requests:.0f} requests in 90 s; 100 are needed" in found.reason


def test_enough_requests_are_conclusive() -> None:
    assert "error rate 1 % (limit 5 %)" in str(conclude(prometheus(100, 0.01), SETTINGS, 90, "staging"))
    with pytest.raises(DegradedError, match=r"error rate 20 % \(limit 5 %\) at 100 requests in 90 s"):
        conclude(prometheus(100, 0.2), SETTINGS, 90, "staging")
