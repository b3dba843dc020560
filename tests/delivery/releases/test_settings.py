"""A rollback keeps credentials, sizes and others' changes, and reverts a release's own settings."""

from __future__ import annotations

from typing import Any

import pytest

from delivery.releases.settings import SettingsChange, differing, leaves_of, never_smaller, reverted, shown, with_leaves

CONFIG: dict[str, Any] = {
    "dwcp-v3:application": {"port": 8080, "egress": [{"cidr": "10.1.0.0/16", "ports": [443]}], "release": "app:v1"},
    "dwcp-v3:redis": {"storage": "10Gi", "storageClass": None},
    "dwcp-v3:redisPassword": {"secure": "v1:abc"},
    "dwcp-v3:apiKeys": {"example": "plain, as in the sandbox"},
    "dwcp-v3:registryUsername": "012345",
    "pulumi:disable-default-providers": ["*"],
}


def changed(before: dict[str, Any], after: dict[str, Any]) -> SettingsChange:
    return SettingsChange(before=before, after=after)


def test_the_settings_of_a_release_exclude_credentials_and_its_image() -> None:
    assert leaves_of(CONFIG) == {
        "application.port": 8080,
        "application.egress": [{"cidr": "10.1.0.0/16", "ports": [443]}],
        "redis.storage": "10Gi",
        "redis.storageClass": None,
    }


def test_settings_are_merged_with_the_present_credentials() -> None:
    now = with_leaves(CONFIG, {"application.port": 8081, "redis.storageClass": "gp3"})
    assert now == {
        "dwcp-v3:redisPassword": {"secure": "v1:abc"},
        "dwcp-v3:apiKeys": {"example": "plain, as in the sandbox"},
        "dwcp-v3:registryUsername": "012345",
        "pulumi:disable-default-providers": ["*"],
        "dwcp-v3:application": {"port": 8081},
        "dwcp-v3:redis": {"storageClass": "gp3"},
    }
    assert leaves_of(with_leaves(CONFIG, leaves_of(CONFIG))) == leaves_of(CONFIG)


def test_settings_of_the_release_are_reverted_and_those_of_others_stay() -> None:
    own = changed({"application.logLevel": "info"}, {"application.logLevel": "debug", "dwcp.maxConnections": 10})
    now = {"application.logLevel": "debug", "dwcp.maxConnections": 10, "application.port": 8081}
    assert reverted(now, [own]) == {"application.logLevel": "info", "application.port": 8081}


def test_a_value_that_others_changed_after_the_release_stays() -> None:
    own = changed({"application.port": 8080}, {"application.port": 8081})
    assert reverted({"application.port": 9999}, [own]) == {"application.port": 9999}


def test_settings_of_several_releases_are_reverted_from_the_newest_on() -> None:
    first = changed({"dwcp.maxConnections": 1}, {"dwcp.maxConnections": 2})
    second = changed({"dwcp.maxConnections": 2}, {"dwcp.maxConnections": 3})
    assert reverted({"dwcp.maxConnections": 3}, [second, first]) == {"dwcp.maxConnections": 1}
    back = changed({"dwcp.maxConnections": 3}, {"dwcp.maxConnections": 1})
    assert reverted({"dwcp.maxConnections": 1}, [back]) == {"dwcp.maxConnections": 3}, "a rollback can itself be rolled back"


@pytest.mark.parametrize(
    ("wanted", "present", "kept"),
    [
        ({"redis.storage": "10Gi"}, {"redis.storage": "12Gi"}, "12Gi"),
        ({}, {"redis.storage": "12Gi"}, "12Gi"),
        ({"redis.storage": "12Gi"}, {"redis.storage": "10Gi"}, "12Gi"),
        ({"redis.storage": "5Gi"}, {}, "10Gi"),
    ],
)
def test_a_volume_with_data_never_shrinks(wanted: dict[str, Any], present: dict[str, Any], kept: str) -> None:
    """A missing value is the default, 10Gi."""
    assert never_smaller(wanted, present).get("redis.storage", "10Gi") == kept


def test_no_other_volume_shrinks() -> None:
    now = {"application.sharedVolume": "9Gi", "monitoring.storage": "90Gi", "monitoring.grafanaStorage": "90Gi"}
    assert never_smaller({}, now) == now


@pytest.mark.parametrize(
    ("path", "less", "more"),
    [
        ("redis.memory", "256Mi", "2Gi"),
        ("logs.retentionDays", 30, 365),
        ("monitoring.retentionDays", 35, 90),
        ("loadBalancer.accessLogRetentionDays", 30, 365),
        ("artifacts.noncurrentVersionDays", 7, 90),
    ],
)
def test_memory_and_retentions_never_shrink(path: str, less: object, more: object) -> None:
    """Redis evicts the keys that do not fit, and a service deletes what is older than its retention."""
    assert never_smaller({path: less}, {path: more}) == {path: more}
    assert never_smaller({path: more}, {path: less}) == {path: more}


def test_a_missing_setting_has_its_default() -> None:
    """If a stack file sets one field of a group, the engine records that group without the project's defaults."""
    assert differing({"application.port": 8080, "redis.storageClass": "gp3"}, {}) == []
    own = changed({"application.logLevel": "info"}, {"application.logLevel": "debug"})
    assert differing(reverted({"application.logLevel": "debug"}, [own]), {}) == []


def test_an_empty_group_has_no_settings() -> None:
    assert leaves_of({"dwcp-v3:redis": {}, "dwcp-v3:application": {"port": 8081}}) == {"application.port": 8081}


def test_differing_settings_are_shown() -> None:
    here, there = {"application.port": 8081}, {"application.port": 8080, "application.logLevel": "debug"}
    assert differing(here, there) == ["application.logLevel", "application.port"]
    assert shown("application.port", here, there, "in v3") == "application.port = 8081 (8080 in v3)"
    assert shown("application.logLevel", here, there, "in v3") == 'application.logLevel = "info" ("debug" in v3)'
