"""docs/tutorial.md from its first command to its last, in one shell, on a checkout of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from fences import DOCS, FENCE
from reaping import gone_with_this_session
from recording import ROOT

pytestmark = pytest.mark.cloud

PAGE = DOCS / "tutorial.md"
ON_PURPOSE = 'title="fails on purpose"'
PACE = '{"waitSeconds": 16, "bakeSeconds": 16, "intervalSeconds": 2, "propagationSeconds": 1}'
"""A rollout of minutes in one; the commands are those of the page."""
SCREENS = os.environ.get("DWCP_TUTORIAL_SCREENS")
"""A folder that the pictures of the page are written to: ``DWCP_TUTORIAL_SCREENS=docs/images`` makes them again."""
PICTURES = {
    "make up": "up",
    "./dwcp status --environment local": "status",
    "./dwcp deploy --environment local --tag v3.1.0 --skip-tests": "deploy",
    "./dwcp rollout --environment local --tag v3.2.0": "rollout",
    "./dwcp rollout --environment local --tag v3.3.0": "failed",
    './dwcp rollback --environment local --reason "the tutorial"': "rollback",
    "./dwcp doctor --environment local --quick": "doctor",
}
SECONDS = 1500
PROXIED = " ".join(f"{name}=http://127.0.0.1:9" for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"))
"""Variables of a proxy that does not answer: nothing that `make up` starts may use one for this machine."""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A clone of what is here now, changes included, that shares this one's Python environment."""
    folder = tmp_path / "checkout"
    listed = subprocess.check_output(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT)
    for name in filter(None, listed.decode().split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    (folder / ".git/info/exclude").write_text(".venv\n")  # a link, which the pattern for the folder does not match
    who = ("-c", "user.name=tutorial", "-c", "user.email=tutorial@example.com")
    for arguments in (("add", "-A"), (*who, "commit", "-q", "-m", "as it is")):
        subprocess.run(["git", *arguments], cwd=folder, check=True)
    gone_with_this_session(folder / ".sandbox")
    return folder


def script() -> str:
    """Every block of the page, in its order, for one shell; a block that is to fail must."""
    parts = ["set -euo pipefail"]
    for number, match in enumerate(FENCE.finditer(PAGE.read_text()), 1):
        text = match["text"].rstrip("\n")
        parts.append(f"printf '\\n=== block {number}\\n'")  # a command's last line may have no end
        if ON_PURPOSE in match["info"]:
            *before, last = text.split("\n")
            parts += [*before, f"if {_pictured(last)}; then echo 'block {number} should have failed'; exit 99; fi"]
        else:
            parts += [_pictured(line) for line in text.split("\n")]
        if text == "make up":  # which has started the load and Prometheus, so that nothing is missing before `make monitoring`
            parts += ["./dwcp doctor --environment local"]
    return "\n".join(parts)


def _pictured(line: str) -> str:
    name = PICTURES.get(line)
    line = f"{PROXIED} {line}" if line == "make up" else line
    return f"DWCP_SCREEN='{Path(SCREENS).resolve()}/tutorial-{name}.svg' {line}" if SCREENS and name else line


def blocks(output: str) -> dict[int, str]:
    parts = re.split(r"^=== block (\d+)$", output, flags=re.MULTILINE)
    return {int(number): text for number, text in zip(parts[1::2], parts[2::2], strict=True)}


def numbers(command: str) -> list[int]:
    """The blocks that have this command."""
    return [number for number, match in enumerate(FENCE.finditer(PAGE.read_text()), 1) if command in match["text"]]


def test_every_command_works_in_this_order(checkout: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DWCP_S", "PULUMI_", "AWS_", "KUBE"))}
    environment |= {"DWCP_ROLLOUT": PACE, "DWCP_METRICS_WINDOW_SECONDS": "15", "NO_COLOR": "1"}
    run = subprocess.run(
        ["bash", "-c", script()], cwd=checkout, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=SECONDS, check=False,
    )  # fmt: skip
    said = blocks(run.stdout)
    assert run.returncode == 0, f"block {max(said, default=0)} failed: {run.stdout[-6000:]}"

    def of(command: str) -> str:
        return "".join(said[number] for number in numbers(command))

    assert re.search(r"of \d+ resources|\d+ resources in \d+ s", of("make up"))
    assert "local: nothing wrong" in said[numbers("./dwcp doctor --environment local\n")[0]]
    assert "application.logLevel" in of("dwcp preview") or "LOG_LEVEL" in of("dwcp preview")
    assert "is not from a trusted registry" in of("registry.example.com")
    assert "deploy of v3.1.0 to local is complete" in of("dwcp deploy")
    assert "debug" in of("jsonpath")
    assert "ghcr.io/novacron/dwcp-v3:v3.2.0 gets all traffic of local" in of("rollout --environment local --tag v3.2.0")
    assert "error rate" in of("rollout --environment local --tag v3.3.0")
    assert "ghcr.io/novacron/dwcp-v3:v3.2.0 gets all traffic of local" in of("rollout --environment local --tag v3.3.0")
    assert "dwcp-v3:v3.1.0" in of("dwcp rollback")
    assert "Deployment dwcp-v3-redis" in said[numbers("doctor --environment local --quick")[0]]
    assert "stopped the embedded cloud" in of("make down")
    assert not (checkout / ".sandbox").exists()


def test_every_picture_of_the_page_is_made_by_one_of_its_commands() -> None:
    named = set(re.findall(r"\(images/tutorial-(\w+)\.svg\)", PAGE.read_text()))
    assert named == set(PICTURES.values())
    assert all(command in PAGE.read_text() for command in PICTURES)
    assert all((DOCS / f"images/tutorial-{name}.svg").is_file() for name in named)
