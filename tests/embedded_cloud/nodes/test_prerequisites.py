"""What is missing for real pods is one line with its fix, and simulated pods stay the default."""

from __future__ import annotations

import os
import shutil
import sys

import pytest

from embedded_cloud.errors import EmbeddedCloudError
from embedded_cloud.nodes import prerequisites
from sandbox.project import PROJECT


def test_root_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(EmbeddedCloudError) as caught:
        prerequisites.require(PROJECT.instructions)
    fix = "meet this requirement, or run `make up` with simulated pods (the default)"
    assert str(caught.value).splitlines() == ["real pods need root", f"  fix: {fix}"]


def test_another_system_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert prerequisites.missing().startswith("real pods run on Linux only")


def test_missing_packages_are_named_by_the_command_that_installs_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    have = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name, **more: None if name in ("haproxy", "runc") else have(name, **more) or "/x")
    assert "apt-get install --no-install-recommends " in prerequisites.missing()
    assert {"haproxy", "runc"} <= set(prerequisites.missing().partition("`")[2].partition("`")[0].split())
