"""The help imports only what it needs, so that it is printed quickly."""

from __future__ import annotations

import subprocess
import sys

from recording import ROOT

ALLOWED = {
    "annotated_doc",
    "contract",
    "delivery",
    "markupsafe",
    "program",
    "rich",
    "shellingham",
    "typer",
    "typing_extensions",
}
"""Packages outside the standard library that the help of `dwcp` may import."""


def test_help_imports_only_the_command_line() -> None:
    program = (
        "import sys; before = set(sys.modules); import delivery.cli.app; "
        "print(*sorted({name.split('.')[0] for name in set(sys.modules) - before} - sys.stdlib_module_names))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= ALLOWED


def test_help_is_plain_text() -> None:
    """The panels of Rich need a Markdown parser and a syntax highlighter, which load too slowly for a help screen."""
    program = (
        "import sys; from delivery.cli.app import app; app(['--help'], standalone_mode=False); print('pygments' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "Usage: " in done.stdout
    assert done.stdout.endswith("False\n")
