"""The rotation of secrets in docs/handbook/security.md: which resources change with a new value."""

from __future__ import annotations

import runpy

import pytest
from recording import PROJECT, ROOT, Graph, run, stack_config

from delivery.preview import comment as markdown
from delivery.preview._comparison import compare
from delivery.preview.change import Kind, Preview, ResourceChange, StackPreview

ROTATED = "rotated-in-a-test"


def program(**secrets: object) -> Graph:
    config = stack_config("production") | {f"{PROJECT}:{key}": value for key, value in secrets.items()}
    return run(lambda: runpy.run_path(str(ROOT / "__main__.py")), config, stack_name="production")


@pytest.fixture(scope="module")
def before() -> Graph:
    return program()


def changes_by_name(before: Graph, **secrets: object) -> dict[str, ResourceChange]:
    changes = compare(before, program(**secrets))
    shown = markdown.render(
        Preview(base="main", head="head", source="program", stacks=(StackPreview(stack="production", changes=changes),))
    )
    assert shown
    assert ROTATED not in shown
    assert {each.kind for each in changes} == {Kind.UPDATE}
    return {each.name: each for each in changes}


def test_a_new_redis_password_updates_secrets_and_pods_without_replacing_resources(before: Graph) -> None:
    changed = changes_by_name(before, redisPassword=ROTATED)
    assert {"dwcp-v3-secret", "dwcp-v3-redis-secret", "dwcp-v3-deployment", "dwcp-v3-redis-deployment"} <= changed.keys()
    assert {each.rpartition("-")[2] for each in changed} <= {"secret", "deployment"}


def test_a_new_api_key_restarts_only_the_service(before: Graph) -> None:
    assert {"dwcp-v3-secret", "dwcp-v3-deployment"} <= changes_by_name(before, apiKeys={"partner": ROTATED}).keys()
    assert "dwcp-v3-redis-deployment" not in changes_by_name(before, apiKeys={"partner": ROTATED})


def test_a_new_registry_token_restarts_nothing(before: Graph) -> None:
    assert set(changes_by_name(before, registryToken=ROTATED)) == {"dwcp-v3-regcred"}


def test_a_new_grafana_password_restarts_only_grafana(before: Graph) -> None:
    changed = changes_by_name(before, grafanaPassword=ROTATED)
    assert changed
    assert all("grafana" in name for name in changed)


def test_a_new_secret_of_a_receiver_restarts_only_alertmanager(before: Graph) -> None:
    receivers = {"slack": ROTATED, "pagerduty": ROTATED, "webhook": ROTATED, "watchdog": ROTATED}
    changed = changes_by_name(before, alertReceivers={name: f"https://{each}.example.com" for name, each in receivers.items()})
    assert {each.rpartition("-")[2] for each in changed} == {"secret", "deployment"}
    assert all("alertmanager" in name for name in changed)
