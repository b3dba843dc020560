"""A browser without a screen, for pages that write what a test wants to know as ``SEEN{...}NEES`` into their body."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium")
NEEDS_CHROMIUM = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine")
QUIET = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --dump-dom"
)
NARROWEST_WINDOW = 500
"""The smallest width in pixels of a window of a browser without a screen; a narrower page is shown in a frame."""


def seen_by_browser(file: Path, profile: Path, *options: str, milliseconds: int = 5000) -> Any:
    """What the page in ``file`` has written, as data. ``milliseconds`` is the virtual time that its scripts have."""
    command = [str(CHROMIUM), *QUIET.split(), f"--virtual-time-budget={milliseconds}", f"--user-data-dir={profile}", *options]
    done = subprocess.run([*command, file.as_uri()], capture_output=True, text=True, check=False, timeout=120)
    found = re.search("SEEN(.*)NEES", done.stdout.split("<body>")[-1])
    assert found is not None, done.stderr[-2000:]
    return json.loads(unescape(found[1]))
