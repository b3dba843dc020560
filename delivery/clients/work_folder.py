"""Files that delivery keeps on this machine: the folder of an environment, and writing that leaves no half of a file."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import platformdirs

from contract import PROJECT
from program.checkout import CHECKOUT


def work_folder(environment: str, checkout: Path = CHECKOUT) -> Path:
    """Where delivery keeps its own files about an environment, for this checkout; ``DWCP_WORK_DIR`` puts them elsewhere."""
    base = os.environ.get("DWCP_WORK_DIR") or platformdirs.user_state_path(PROJECT)
    return Path(base) / hashlib.sha256(str(checkout).encode()).hexdigest()[:12] / environment


def write(path: Path, text: str) -> None:
    """Replace a file as a whole, readable by its owner only: a full disk leaves the old one, never half of a new one."""
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
