"""What a session leaves running is ended with it, however it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from recording import ROOT

REAPER = ROOT / "tests" / "support" / "reaper.py"

_reapers: list[subprocess.Popen[bytes]] = []
"""They outlive the session; dropping the handle of a process that runs is a warning."""


def gone_with_this_session(folder: Path) -> None:
    """Have the cloud in ``folder`` stopped and removed when this process ends, even when it is killed."""
    _reapers.append(subprocess.Popen([sys.executable, REAPER, str(os.getpid()), folder], start_new_session=True))
