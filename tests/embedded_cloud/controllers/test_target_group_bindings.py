"""The targets of a bound target group follow the ready endpoints of the Service, and are kept while these are not known."""

from __future__ import annotations

import urllib.error
from email.message import Message
from typing import Any, cast

import pytest

from embedded_cloud.controllers import target_group_bindings

BINDING = {
    "metadata": {"name": "stable", "namespace": "shop"},
    "spec": {"targetGroupARN": "arn", "serviceRef": {"name": "shop", "port": 80}},
}
POD = {"Id": "10.0.9.2", "Port": 8080}


class Recording:
    """A target group with one target, which remembers what is deregistered; and an API server without the Service."""

    def __init__(self, error: OSError) -> None:
        self.error = error
        self.deregistered: list[dict[str, Any]] = []

    def items(self, path: str) -> list[dict[str, Any]]:
        return [BINDING]

    def get(self, path: str) -> dict[str, Any]:
        raise self.error

    def describe_target_health(self, **_: Any) -> dict[str, Any]:
        return {"TargetHealthDescriptions": [{"Target": POD, "TargetHealth": {"State": "healthy"}}]}

    def deregister_targets(self, **call: Any) -> None:
        self.deregistered += call["Targets"]


def answer(code: int) -> urllib.error.HTTPError:
    return urllib.error.HTTPError("https://127.0.0.1", code, "", Message(), None)


def test_the_targets_of_a_deleted_service_are_deregistered() -> None:
    world = Recording(answer(404))
    target_group_bindings.reconcile(cast("Any", world), cast("Any", world))
    assert world.deregistered == [POD]


@pytest.mark.parametrize("error", [answer(503), answer(403), TimeoutError(), ConnectionRefusedError()], ids=repr)
def test_the_targets_stay_while_the_api_server_does_not_answer(error: OSError) -> None:
    world = Recording(error)
    with pytest.raises(type(error)):
        target_group_bindings.reconcile(cast("Any", world), cast("Any", world))
    assert world.deregistered == []
