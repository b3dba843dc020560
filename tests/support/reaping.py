"""Clouds that are removed when the test session ends, even if the session is killed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from recording import ROOT

REAPER = ROOT / "tests" / "support" / "reaper.py"

_reapers: list[subprocess.Popen[bytes]] = []
"""The handles of the reaper processes. They outlive the session, and Python warns if the handle of a running process is dropped."""


def remove_after_session(folder: Path) -> None:
    """Start a process that stops and removes the cloud in ``folder`` when the present process ends, even if it is killed."""
    _reapers.append(subprocess.Popen([sys.executable, REAPER, str(os.getpid()), folder], start_new_session=True))
