"""The folder for ``dwcp``'s files on this machine, and atomic writes."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import platformdirs

from contract import PROJECT
from program.checkout import CHECKOUT


def work_folder(environment: str, checkout: Path = CHECKOUT) -> Path:
    """The folder of ``checkout`` for files about an environment. ``DWCP_WORK_DIR`` selects another parent for all such folders."""
    base = os.environ.get("DWCP_WORK_DIR") or platformdirs.user_state_path(PROJECT)
    return Path(base) / hashlib.sha256(str(checkout).encode()).hexdigest()[:12] / environment


def write(path: Path, text: str) -> None:
    """Replace a file atomically. Only this user can read the new file. If the disk is full, the old file stays unchanged."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # otherwise a loss of power can undo the replacement
    finally:
        os.close(folder)
