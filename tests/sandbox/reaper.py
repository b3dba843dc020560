"""``python reaper.py PID FOLDER``: when process PID ends, however it ends, stop the cloud in FOLDER and remove it."""

import shutil
import sys
from pathlib import Path

import psutil

from sandbox.processes import Processes

if __name__ == "__main__":
    try:
        psutil.Process(int(sys.argv[1])).wait()
    except psutil.NoSuchProcess:
        pass
    folder = Path(sys.argv[2])
    Processes(folder).stop()
    shutil.rmtree(folder, ignore_errors=True)
