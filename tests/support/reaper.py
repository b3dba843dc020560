"""``python reaper.py PID FOLDER``: when process PID ends for any reason, stop the cloud in FOLDER and remove it."""

import contextlib
import shutil
import sys
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[2]))  # the process can run in any folder, and the sandbox is not installed

from sandbox.project import PROJECT

if __name__ == "__main__":
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(int(sys.argv[1])).wait()
    folder = Path(sys.argv[2])
    PROJECT.processes(folder).stop()
    shutil.rmtree(folder, ignore_errors=True)
