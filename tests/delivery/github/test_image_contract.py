"""The check of a built image, with a substitute for Docker; tests/docker runs it on a real engine."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from delivery.errors import UsageError
from delivery.github import image_contract
from delivery.github.image_contract import ContractError, check

GOOD: dict[str, Any] = {"config": {"Labels": {"dwcp.contract": "1"}, "User": "1001:1001"}, "healthy": 0, "exit": 0, "run": 0}


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a `docker` that records its calls and answers from `answers.json`."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(image_contract, "START_SECONDS", 0.6)
    (tmp_path / "docker").write_text(f"""#!/usr/bin/env python3
import json, sys
answers = json.load(open({str(tmp_path / "answers.json")!r}))
open({str(tmp_path / "calls")!r}, "a").write(" ".join(sys.argv[1:]) + "\\n")
match sys.argv[1]:
    case "image": print(json.dumps(answers["config"]))
    case "run": print("c0ffee"); sys.stderr.write("no such image" if answers["run"] else ""); sys.exit(answers["run"])
    case "exec": sys.exit(answers["healthy"])
    case "inspect": print(answers["exit"])
    case "logs": print("error: PORT=x is not a number")
""")
    (tmp_path / "docker").chmod(0o755)
    return tmp_path


def set_answers(folder: Path, **changes: Any) -> None:
    (folder / "answers.json").write_text(json.dumps({**GOOD, **changes}))


def test_the_container_has_the_options_of_the_cluster_and_is_removed(docker: Path) -> None:
    set_answers(docker)
    assert len(check("dwcp-v3:ci")) == 4
    calls = (docker / "calls").read_text().splitlines()
    [run] = [call for call in calls if call.startswith("run")]
    for option in ("--read-only", "--cap-drop ALL", "--user 1001:1001", "no-new-privileges"):
        assert option in run
    assert calls[-1] == "rm --force c0ffee"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"config": {"Labels": None, "User": "1001:1001"}}, "the label dwcp.contract of .* is missing, not 1"),
        ({"config": {"Labels": {"dwcp.contract": "2"}, "User": "1001:1001"}}, "the label dwcp.contract of .* is 2, not 1"),
        ({"config": {"Labels": {"dwcp.contract": "1"}, "User": ""}}, "runs as root"),
        ({"healthy": 1}, "does not answer /health within .*: error: PORT=x is not a number"),
        ({"exit": 137}, "ended with 137 after SIGTERM"),
        ({"run": 1}, "docker run --detach failed: no such image"),
    ],
)
def test_a_violation_is_reported_and_the_container_is_removed(docker: Path, changes: dict[str, Any], problem: str) -> None:
    set_answers(docker, **changes)
    with pytest.raises(ContractError, match=problem):
        check("dwcp-v3:ci")
    calls = (docker / "calls").read_text().splitlines()
    assert not any(call.startswith("exec") for call in calls) or calls[-1] == "rm --force c0ffee"


def test_missing_docker_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UsageError, match="there is no `docker` command on PATH"):
        check("x")
