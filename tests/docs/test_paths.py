"""Every file of the checkout that a page, a message or a comment names exists."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest
from recording import ROOT

FOLDERS = (
    ".github",
    "bench",
    "bootstrap",
    "components",
    "delivery",
    "docker",
    "docs",
    "embedded_cloud",
    "policies",
    "program",
    "sandbox",
    "scripts",
    "tests",
    "tools",
)
PATH = re.compile(rf"(?<![\w/.-])((?:{'|'.join(map(re.escape, FOLDERS))})/[\w./-]*\.(?:py|md|ya?ml|json|toml|sh))(?![\w-])")
PLACEHOLDER = re.compile(r"\b(?!README|CHANGELOG|CONTRIBUTING)[A-Z]{3,}\b")
"""A part of a path that stands for any value, as in ``policies/config/ENVIRONMENT.json``."""


@cache
def committed_files() -> list[Path]:
    done = subprocess.run(["git", "-C", str(ROOT), "ls-files"], capture_output=True, text=True, check=True)
    return [ROOT / each for each in done.stdout.splitlines()]


def pages_and_modules() -> list[Path]:
    """The pages and the product's modules; a test may name a fictional path."""
    return [
        each
        for each in committed_files()
        if each.is_file()
        and each.suffix in (".md", ".py")
        and not each.relative_to(ROOT).parts[0].startswith(("tests", "CHANGELOG"))
    ]


@pytest.mark.parametrize("file", pages_and_modules(), ids=lambda file: file.relative_to(ROOT).as_posix())
def test_every_mentioned_path_exists(file: Path) -> None:
    mentioned = {each.rstrip(".") for each in PATH.findall(file.read_text()) if not PLACEHOLDER.search(each)}
    assert {each for each in mentioned if not (ROOT / each).exists() and not (file.parent / each).exists()} == set()
