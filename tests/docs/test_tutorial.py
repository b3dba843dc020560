"""All commands of docs/tutorial.md run in order, in one shell, on a copy of the checkout."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from checkouts import copy_files, init_repository
from fences import DOCS, FENCE
from reaping import remove_after_session
from repositories import git

from tools.dashboard_picture import RECORDING

pytestmark = pytest.mark.cloud

PAGE = DOCS / "tutorial.md"
EXPECTED_FAILURE = 'title="fails on purpose"'
PICTURE_FOLDER = os.environ.get("DWCP_TUTORIAL_SCREENS")
"""The folder for the pictures of the page, and for the series of docs/monitoring.md: ``DWCP_TUTORIAL_SCREENS=docs/images`` records
them again (20 minutes). `make generate` then draws the dashboard from the series."""
WAIT_SECONDS = 120 if PICTURE_FOLDER else 16
"""The dashboard shows rates over five minutes, so that its picture needs a rollout of minutes."""
PACE = f'{{"waitSeconds": {WAIT_SECONDS}, "bakeSeconds": 16, "intervalSeconds": 2, "propagationSeconds": 1}}'
"""Settings that make a rollout shorter than by default; the commands are those of the page."""
SERIES = Path(PICTURE_FOLDER).resolve() / RECORDING.name if PICTURE_FOLDER else RECORDING
"""The file with the dashboard's series: without ``PICTURE_FOLDER``, the file of the copy."""
PICTURES = {
    "make up": "up",
    "./dwcp status --environment local": "status",
    "./dwcp deploy --environment local --tag v3.1.0 --skip-tests": "deploy",
    "./dwcp rollout --environment local --tag v3.2.0": "rollout",
    "./dwcp rollout --environment local --tag v3.3.0": "failed",
    './dwcp rollback --environment local --reason "the tutorial"': "rollback",
    "./dwcp doctor --environment local --quick": "doctor",
}
SECONDS = 2400
PROXIED = " ".join(f"{name}=http://127.0.0.1:9" for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"))
"""Variables with a proxy that does not answer, because nothing that `make up` starts may use a proxy for this machine."""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of this checkout with its uncommitted changes, which uses this checkout's Python environment."""
    folder = tmp_path / "checkout"
    copy_files(folder)
    init_repository(folder)
    git(folder, "add", "--all")
    git(folder, "commit", "--message", "as it is")
    remove_after_session(folder / ".sandbox")
    return folder


def script() -> str:
    """A shell script with all blocks of the page, which fails if a block fails, or if one that must fail succeeds."""
    parts = ["set -euo pipefail"]
    for number, match in enumerate(FENCE.finditer(PAGE.read_text()), 1):
        text = match["text"].rstrip("\n")
        parts.append(f"printf '\\n=== block {number}\\n'")  # the output of a command may not end with a newline
        if EXPECTED_FAILURE in match["info"]:
            *before, last = text.split("\n")
            parts += [*before, f"if {_with_picture(last)}; then echo 'block {number} should have failed'; exit 99; fi"]
        else:
            parts += [_with_picture(line) for line in text.split("\n")]
        if text == "make up":  # it starts load and Prometheus, so the doctor finds everything before `make monitoring`
            parts += ["./dwcp doctor --environment local"]
        if text.startswith("./dwcp rollback"):  # after the last rollout
            parts += [f".venv/bin/python -m tools.dashboard_picture '{SERIES}'"]
    return "\n".join(parts)


def _with_picture(line: str) -> str:
    name = PICTURES.get(line)
    line = f"{PROXIED} {line}" if line == "make up" else line
    return f"DWCP_SCREEN='{Path(PICTURE_FOLDER).resolve()}/tutorial-{name}.svg' {line}" if PICTURE_FOLDER and name else line


def blocks(output: str) -> dict[int, str]:
    parts = re.split(r"^=== block (\d+)$", output, flags=re.MULTILINE)
    return {int(number): text for number, text in zip(parts[1::2], parts[2::2], strict=True)}


def numbers(command: str) -> list[int]:
    """The numbers of the blocks that contain this command."""
    return [number for number, match in enumerate(FENCE.finditer(PAGE.read_text()), 1) if command in match["text"]]


def test_all_commands_of_the_tutorial_work_in_order(checkout: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DWCP_S", "PULUMI_", "AWS_", "KUBE"))}
    environment |= {"DWCP_ROLLOUT": PACE, "DWCP_METRICS_WINDOW_SECONDS": "15", "NO_COLOR": "1"}
    run = subprocess.run(
        ["bash", "-c", script()], cwd=checkout, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=SECONDS, check=False,
    )  # fmt: skip
    outputs = blocks(run.stdout)
    assert "installing the Python packages" not in run.stdout, "the copy was installed in the environment of this checkout"
    assert run.returncode == 0, f"block {max(outputs, default=0)} failed: {run.stdout[-6000:]}"

    def output_of(command: str) -> str:
        """The output without line breaks, which depend on the width of the terminal or picture."""
        return re.sub(r"\s+", " ", "".join(outputs[number] for number in numbers(command)))

    assert re.search(r"of \d+ resources|\d+ resources in \d+ s", output_of("make up"))
    assert "local: nothing wrong" in outputs[numbers("./dwcp doctor --environment local\n")[0]]
    assert "application.logLevel" in output_of("dwcp preview") or "LOG_LEVEL" in output_of("dwcp preview")
    assert "is not from a trusted registry" in output_of("registry.example.com")
    assert "deploy of v3.1.0 to local is complete" in output_of("dwcp deploy")
    assert "debug" in output_of("jsonpath")
    assert "ghcr.io/novacron/dwcp-v3:v3.2.0 gets all traffic of local" in output_of("rollout --environment local --tag v3.2.0")
    assert "error rate" in output_of("rollout --environment local --tag v3.3.0")
    assert "ghcr.io/novacron/dwcp-v3:v3.2.0 gets all traffic of local" in output_of("rollout --environment local --tag v3.3.0")
    assert "dwcp-v3:v3.1.0" in output_of("dwcp rollback")
    panels = json.loads((checkout / SERIES).read_text())["panels"]
    assert [name for name, _ in panels["Request Rate"]] == ["canary", "stable"]
    assert max(share for _, shares in panels["Rollout percentage"] for share in shares if share) > 0.1
    assert "Deployment dwcp-v3-redis" in outputs[numbers("doctor --environment local --quick")[0]]
    assert "stopped the embedded cloud" in output_of("make down")
    assert not (checkout / ".sandbox").exists()


def test_every_picture_of_the_page_comes_from_one_of_its_commands() -> None:
    named = set(re.findall(r"\(images/tutorial-(\w+)\.svg\)", PAGE.read_text()))
    assert named == set(PICTURES.values())
    assert all(command in PAGE.read_text() for command in PICTURES)
    assert all((DOCS / f"images/tutorial-{name}.svg").is_file() for name in named)
