"""The program under mocks: the registered resources as plain data, evaluated once per test session.

Each evaluation runs in its own event loop until all outputs are resolved. Therefore an ``apply`` that raises fails the test, as it
would fail an update.
"""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from program import evaluation, graph
from program.checkout import CHECKOUT as ROOT

PROJECT = "dwcp-v3"
SECRETS = {
    **{"redisPassword": "redis-secret", "registryToken": "token-secret", "grafanaPassword": "grafana-secret"},
    "apiKeys": {"partner": "key-secret"},
    "alertReceivers": {
        **{"pagerduty": "pagerduty-secret", "slack": "https://slack.example.com/secret"},
        "watchdog": "https://switch.example.com/secret",
    },
}
Recorded = graph.Resource
UNKNOWN = graph.UNKNOWN


class Graph(graph.Graph):
    """A resource graph with searches that only tests need."""

    def one(self, type_: str, name: str | None = None) -> dict[str, Any]:
        """The inputs of the only resource with this type (and logical name)."""
        found = [each for each in self.of(type_) if name in (None, each.name)]
        assert len(found) == 1, f"{len(found)} resources {type_} {name or ''}: {[each.name for each in self.of(type_)]}"
        return found[0].inputs

    def names(self) -> set[tuple[str, str]]:
        """Type and logical name of every resource."""
        return {(each.type, each.name) for each in self.resources}


def stack_config(name: str) -> dict[str, Any]:
    """The configuration of a committed stack file, with values for its secrets."""
    config = evaluation.stack_config(ROOT, name)
    return config if name == "local" else config | {f"{PROJECT}:{key}": value for key, value in SECRETS.items()}


def run(program: Callable[[], object], config: Mapping[str, Any], *, stack_name: str = "local", preview: bool = False) -> Graph:
    """Run ``program`` under mocks with ``config`` (full keys); return the graph of the registered resources."""
    return Graph(**vars(evaluation.run(program, config, stack=stack_name, preview=preview)))


def run_platform(stack_name: str, *, preview: bool = False, **changes: Mapping[str, Any]) -> Graph:
    """Run ``__main__.py`` with a stack file. ``changes`` replace fields of settings groups: ``network={"nat": "single"}``.

    The same call is evaluated once per session, so tests must not change the graph.
    """
    return _run_platform(stack_name, preview, json.dumps(changes, sort_keys=True))


@cache
def _run_platform(stack_name: str, preview: bool, changes: str) -> Graph:
    config = stack_config(stack_name)
    for group, fields_ in json.loads(changes).items():
        key = f"{PROJECT}:{group}"
        config[key] = {**config.get(key, {}), **fields_}
    return run(lambda: runpy.run_path(str(ROOT / "__main__.py")), config, stack_name=stack_name, preview=preview)


def run_account(**changes: Any) -> Graph:
    """Run the account stack. ``changes`` replace fields of its settings."""
    return _run_account(json.dumps(changes, sort_keys=True))


@cache
def _run_account(changes: str) -> Graph:
    config = evaluation.stack_config(ROOT, "account")
    config[f"{PROJECT}:account"] |= json.loads(changes)
    file = ROOT / "bootstrap" / "__main__.py"
    return Graph(**vars(evaluation.run(lambda: runpy.run_path(str(file)), config, stack="account", project=f"{PROJECT}-account")))
