"""The table at the end of `make up`: types that are only recorded, the user's own providers, and how to commit a stack file."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console

from embedded_cloud.engine import LocalEngine
from sandbox._summary import print_platform
from sandbox.stacks import project_of

RELEASE = "kubernetes:helm.sh/v3:Release"


def printed(folder: Path, *, stack: str = "local", state: list[dict[str, Any]] | None = None) -> str:
    """The output for a cloud with this state."""
    project = project_of(stack)
    engine = LocalEngine(project, folder, {}, 1, folder / "kubeconfig")
    cloud = SimpleNamespace(
        project=project,
        folder=folder,
        moto_port=1,
        beside=None if stack == "local" else object(),
        control_plane=SimpleNamespace(url="https://127.0.0.1:2", api=SimpleNamespace(items=lambda _: [])),
        engine=SimpleNamespace(stack_export=lambda: state or [], users_own=engine.users_own),
    )
    console = Console(record=True, width=400)
    print_platform(cast("Any", cloud), console, watched=True)
    return console.export_text()


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    return tmp_path


def test_what_is_only_recorded_is_listed_by_type(tmp_path: Path) -> None:
    outputs = {"sandboxRecorded": "the embedded cloud cannot fetch charts"}
    charts = [
        {"type": RELEASE, "urn": f"urn:pulumi:staging::dwcp-v3::dwcp$x${RELEASE}::{name}", "outputs": outputs}
        for name in ("b", "a")
    ]
    said = printed(tmp_path, state=[*charts, {"type": "aws:ec2/vpc:Vpc", "outputs": {}}])
    assert f"only recorded in the state, because the embedded cloud cannot create them: {RELEASE}: a, b\n" in said.replace("  ", "")
    assert "only recorded" not in printed(tmp_path, state=[{"type": RELEASE, "outputs": {}}])


def test_the_tutorial_is_offered_for_the_stack_that_it_is_about(tmp_path: Path) -> None:
    assert "docs/tutorial.md" in printed(tmp_path)
    assert "docs/tutorial.md" not in printed(tmp_path, stack="staging")


def test_the_users_plugin_of_the_sdks_version_is_listed_and_used(home: Path, tmp_path: Path) -> None:
    engine = LocalEngine(project_of("local"), tmp_path, {}, 1, tmp_path / "kubeconfig")
    folder = home / ".pulumi" / "plugins"
    other = folder / "resource-kubernetes-v0.0.1" / "pulumi-resource-kubernetes"
    other.parent.mkdir(parents=True)
    other.touch()
    assert "in your ~/.pulumi" not in printed(tmp_path)
    own = folder / engine._plugin_folder("kubernetes") / "pulumi-resource-kubernetes"
    own.parent.mkdir(parents=True)
    own.touch()
    assert f"the kubernetes provider is the plugin in your ~/.pulumi: {own}" in printed(tmp_path)
    engine._install_plugin("kubernetes")
    installed = engine.home / "plugins" / own.parent.name / own.name
    assert installed.resolve() == own
    aws_plugin = folder / engine._plugin_folder("aws") / "pulumi-resource-aws"
    aws_plugin.parent.mkdir(parents=True)
    aws_plugin.touch()
    assert engine.users_own("aws") is None, "the embedded provider is used for AWS"


def test_the_summary_of_a_real_environment_prints_how_to_commit_its_stack_file(tmp_path: Path) -> None:
    output = printed(tmp_path, stack="production")
    assert "`dwcp deploy`, `drift` and `doctor` need the generated secrets in Pulumi.production.yaml, " in output
    assert "`deploy` to production needs a commit:" in output
    assert "git switch -c sandbox-production && cp " in output
    assert "Pulumi.production.yaml Pulumi.production.yaml && git commit -am sandbox" in output
    assert "git switch" not in printed(tmp_path)
