"""The rotation of secrets in docs/handbook/security.md: which resources change with a new value."""

from __future__ import annotations

import runpy

from recording import PROJECT, ROOT, Graph, run, run_platform, stack_config

from delivery.preview import comment as markdown
from delivery.preview._comparison import compare
from delivery.preview.change import Kind, Preview, StackPreview

ROTATED = "rotated-in-a-test"


def program(**secrets: object) -> Graph:
    config = stack_config("production") | {f"{PROJECT}:{key}": value for key, value in secrets.items()}
    return run(lambda: runpy.run_path(str(ROOT / "__main__.py")), config, stack_name="production")


def changed(**secrets: object) -> set[str]:
    """The names of the resources that change with these values; none is created, replaced or deleted, and no value is printed."""
    changes = compare(run_platform("production"), program(**secrets))
    shown = markdown.render(
        Preview(base="main", head="head", source="program", stacks=(StackPreview(stack="production", changes=changes),))
    )
    assert shown
    assert ROTATED not in shown
    assert {each.kind for each in changes} == {Kind.UPDATE}
    return {each.name for each in changes}


TRACKS = {"dwcp-v3-deployment", "dwcp-v3-canary-deployment"}


def test_a_new_redis_password_restarts_only_redis_its_clients_and_grafana() -> None:
    assert changed(redisPassword=ROTATED) == {
        *TRACKS,
        *("dwcp-v3-secret", "dwcp-v3-redis-secret", "dwcp-v3-grafana-secret"),
        *("dwcp-v3-redis-deployment", "dwcp-v3-grafana-deployment"),
    }


def test_a_new_api_key_restarts_only_the_service() -> None:
    assert changed(apiKeys={"partner": ROTATED}) == {*TRACKS, "dwcp-v3-secret"}


def test_a_new_registry_token_restarts_nothing() -> None:
    assert changed(registryToken=ROTATED) == {"dwcp-v3-regcred"}


def test_a_new_grafana_password_restarts_only_grafana() -> None:
    assert changed(grafanaPassword=ROTATED) == {"dwcp-v3-grafana-secret", "dwcp-v3-grafana-deployment"}


def test_a_new_secret_of_a_receiver_restarts_only_alertmanager() -> None:
    receivers = {"slack": ROTATED, "pagerduty": ROTATED, "webhook": ROTATED, "watchdog": ROTATED}
    found = changed(alertReceivers={name: f"https://{each}.example.com" for name, each in receivers.items()})
    assert found == {"dwcp-v3-alertmanager-secret", "dwcp-v3-alertmanager-deployment"}
