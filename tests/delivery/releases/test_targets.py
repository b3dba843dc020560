"""The release or image that a rollback returns to, and the settings that it can restore."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from accounts import Account

from delivery.clients.kubernetes import ClusterError, KubernetesClient
from delivery.errors import UsageError
from delivery.releases import Release, ReleaseError, Releases, new_id
from delivery.releases import rollback as rollback_module
from delivery.releases.rollback import Rollback, RollbackRequest, RollbackTarget, program_before
from delivery.releases.steps import StepRunner

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def release(account: Account, number: int, **changes: Any) -> Release:
    at = AT + timedelta(hours=number)
    values = {"id": new_id(f"v{number}.0.0", at), "environment": account.name, "command": "deploy", "result": "deployed"}
    return Release.model_validate({**values, "image": f"app:v{number}.0.0", "started": at, "fencing": number, **changes})


@pytest.fixture
def releases(account: Account) -> Releases:
    return Releases(account)


def target(
    account: Account,
    releases: Releases,
    to: str | None = None,
    *,
    to_revision: int | None = None,
    stable: str = "",
    open_rollout: bool = False,
    cluster: Any = None,
) -> RollbackTarget:
    """The target of a rollback if stable runs the image ``stable``; by default, the image of the newest deployed release."""
    rollback = Rollback(RollbackRequest(environment=account.name, to=to, to_revision=to_revision), StepRunner.start())
    rollback.environment = account
    latest = releases.latest()
    running = SimpleNamespace(image=stable or (latest.image if latest else ""))
    journal = SimpleNamespace(read=lambda: SimpleNamespace(is_open=True) if open_rollout else None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Account, "kubernetes", cluster)
        patch.setattr(Account, "tracks", SimpleNamespace(read=lambda _: running))
        patch.setattr(rollback_module, "Journal", lambda *_: journal)
        return rollback._target(releases, latest)  # pyright: ignore[reportPrivateUsage]


def record(releases: Releases, *many: Release) -> None:
    for each in many:
        releases.record(each)


def test_the_first_release_is_rolled_back_to_the_image_of_pulumi_up(account: Account, releases: Releases) -> None:
    record(releases, release(account, 1, replaced="app:v0.9.0"))
    found = target(account, releases)
    assert (found.image, found.first) == ("app:v0.9.0", True)
    assert found.name.startswith("the deployment before ")


def test_an_unfinished_first_release_is_rolled_back_to_the_image_of_pulumi_up(account: Account, releases: Releases) -> None:
    """The first release was staged, and its rollout was interrupted or failed, so no release has the result `deployed`."""
    record(
        releases,
        release(account, 1, result="staged", replaced="app:v0.9.0"),
        release(account, 2, result="rolled back", image="app:v1.0.0", replaced="app:v0.9.0"),
    )
    found = target(account, releases)
    assert (found.image, found.first) == ("app:v0.9.0", True)


def test_a_failed_release_is_not_the_image_before_the_first_release(account: Account, releases: Releases) -> None:
    """The deployment of v1.0.0 failed and was not rolled back, so v2.0.0 replaced it."""
    record(releases, release(account, 1, result="failed", replaced="app:v0.9.0"), release(account, 2, replaced="app:v1.0.0"))
    assert target(account, releases).image == "app:v0.9.0"


def test_a_failed_deployment_is_rolled_back_to_the_release_before_it(account: Account, releases: Releases) -> None:
    record(releases, release(account, 1), release(account, 2), release(account, 3, result="failed"))
    assert target(account, releases, stable="app:v3.0.0").image == "app:v2.0.0"
    assert target(account, releases, stable="app:v2.0.0").image == "app:v1.0.0"


def test_during_a_rollout_the_target_is_the_release_that_it_replaces(account: Account, releases: Releases) -> None:
    record(releases, release(account, 1), release(account, 2))
    assert target(account, releases, open_rollout=True).image == "app:v2.0.0"


def test_a_staged_release_is_reverted_to_the_release_that_runs(account: Account, releases: Releases) -> None:
    """The rollback reverts the settings and the program of v3.0.0, and keeps the image v2.0.0. The next one returns to v1.0.0."""
    record(releases, release(account, 1), release(account, 2), release(account, 3, result="staged"))
    assert target(account, releases).image == "app:v2.0.0"
    record(releases, release(account, 4, result="rolled back", command="rollout", image="app:v3.0.0"))
    assert target(account, releases).image == "app:v2.0.0"
    record(releases, release(account, 5, command="rollback", image="app:v2.0.0"))
    assert target(account, releases).image == "app:v1.0.0"


def test_a_tag_that_was_deployed_twice_counts_once(account: Account, releases: Releases) -> None:
    record(releases, release(account, 1, replaced="app:v0.9.0"), release(account, 2, image="app:v1.0.0", replaced="app:v1.0.0"))
    assert target(account, releases).image == "app:v0.9.0"


def test_a_rollback_without_a_release_is_refused_with_the_fix(account: Account, releases: Releases) -> None:
    with pytest.raises(ReleaseError, match="runs the image that `pulumi up` deployed") as error:
        target(account, releases)
    assert "dwcp deploy --environment" in error.value.fix


def test_the_image_of_a_revision_is_that_of_the_services_container(account: Account, releases: Releases) -> None:
    containers = [{"name": "log-shipper", "image": "fluent-bit:4"}, {"name": "dwcp-v3", "image": "app:v0.9.0"}]
    revision = {"annotations": {"deployment.kubernetes.io/revision": "3"}}
    replica_set = {"metadata": revision, "spec": {"template": {"spec": {"containers": containers}}}}
    cluster = SimpleNamespace(namespace="dwcp-v3", request=lambda *_, **__: {"items": [replica_set]})
    assert target(account, releases, to_revision=3, cluster=cluster).image == "app:v0.9.0"


@pytest.mark.parametrize(
    "found",
    [
        RollbackTarget(name="revision 3", image="app:v1"),
        RollbackTarget(name="the deployment before v1", image="app:v0", release=None, first=True),
    ],
)
def test_settings_that_were_not_recorded_cannot_be_restored(found: RollbackTarget, account: Account) -> None:
    rollback = Rollback(RollbackRequest(environment=account.name, to_revision=3, with_settings=True), StepRunner.start())
    with pytest.raises(UsageError, match=f"--with-settings: no settings are recorded for {found.name}") as error:
        rollback._recorded(found)  # pyright: ignore[reportPrivateUsage]
    assert error.value.fix.startswith("omit --with-settings")


def test_recorded_settings_can_be_restored(account: Account) -> None:
    rollback = Rollback(RollbackRequest(environment=account.name, with_settings=True), StepRunner.start())
    one = RollbackTarget.of(release(account, 1, settings={"application.port": 8081}))
    assert rollback._recorded(one) == {"application.port": 8081}  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(UsageError):
        rollback._recorded(RollbackTarget.of(release(account, 2)))  # pyright: ignore[reportPrivateUsage]


def test_a_second_rollback_returns_to_the_release_that_the_first_one_replaced(account: Account, releases: Releases) -> None:
    """As two calls of `kubectl rollout undo`. With `--to`, a rollback returns to an earlier release."""
    one, two, three = release(account, 1), release(account, 2), release(account, 3)
    record(releases, one, two, three, release(account, 4, command="rollback", image=two.image, restores=two.id))
    assert target(account, releases).image == three.image
    assert target(account, releases, one.id).image == one.image


@pytest.mark.parametrize(
    ("present", "releases", "program"),
    [
        ("two", [("two", "one")], "one"),
        ("two", [("two", "two"), ("two", "one")], "one"),
        ("three", [("three", "two"), ("two", "one")], "one"),
        ("one", [("two", "one")], "one"),
        ("by pulumi up", [("two", "one")], "by pulumi up"),
        ("two", [("two", "")], "two"),
        ("", [("two-dirty", "one")], ""),
        ("two", [("one", "two"), ("two", "one")], "one"),
        ("one", [("one", "two"), ("two", "one")], "one"),
    ],
    ids=[
        "one release",
        "staged and promoted",
        "two releases",
        "rolled back by itself",
        "changed outside releases",
        "unknown before",
        "uncommitted files",
        "applied again after its rollback",
        "rolled back",
    ],
)
def test_a_rollback_reverts_the_program_of_later_releases(
    present: str, releases: list[tuple[str, str]], program: str, account: Account
) -> None:
    later = [release(account, 1, commit=commit, replaced_program=replaced) for commit, replaced in releases]
    assert program_before(present, later) == program


def test_a_namespace_that_is_being_deleted_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    api: Any = SimpleNamespace()
    cluster = KubernetesClient(api, "dwcp-v3")
    monkeypatch.setattr(cluster, "request", lambda *_: {"status": {"phase": "Terminating"}})
    with pytest.raises(ClusterError, match="the namespace dwcp-v3 is being deleted") as error:
        cluster.require_namespace()
    assert "kubectl wait --for=delete namespace/dwcp-v3" in error.value.fix
    monkeypatch.setattr(cluster, "request", lambda *_: {"status": {"phase": "Active"}})
    cluster.require_namespace()
