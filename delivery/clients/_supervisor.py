"""``python -m delivery.clients._supervisor GRACE COMMAND...``: run the engine while its caller holds the lease.

The caller writes a number of seconds to standard input again and again: the command may run on for that long. When the
time is over, or when standard input ends because the caller was killed, the command is interrupted, as Ctrl-C would, and killed
``GRACE`` seconds later. It is a process of its own because a caller that is stopped or killed can stop nothing itself.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

OUT_OF_TIME = 75
"""Exit code when the command was stopped (``EX_TEMPFAIL`` of sysexits.h)."""

FIRST_SECONDS = 10.0
"""Until the caller has said how long the command may run."""


def now() -> float:
    """Seconds on a clock that goes on while the machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Watch:
    """How long the command may still run, and whether it has ended."""

    def __init__(self) -> None:
        """It may run for a moment."""
        self.changed = threading.Condition()
        self.until = now() + FIRST_SECONDS
        self.done = False

    def listen(self) -> None:
        """Follow what the caller says until it says no more."""
        for line in sys.stdin:
            with contextlib.suppress(ValueError):
                self._set(now() + float(line))
        self._set(0.0)

    def wait_for(self, process: subprocess.Popen[bytes]) -> None:
        """Notice the command's end."""
        process.wait()
        with self.changed:
            self.done = True
            self.changed.notify()

    def over(self) -> bool:
        """Wait until the command has ended (false) or must be stopped (true)."""
        with self.changed:
            while not self.done and now() < self.until:
                self.changed.wait(min(self.until - now(), 1.0))
            return not self.done

    def _set(self, until: float) -> None:
        with self.changed:
            self.until = until
            self.changed.notify()


def main(grace: float, command: list[str]) -> int:
    """Run ``command``; its exit code, or :data:`OUT_OF_TIME`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever interrupts the caller does not interrupt us: the caller decides
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=_interruptible)
    watch = Watch()
    threading.Thread(target=watch.listen, daemon=True).start()
    threading.Thread(target=watch.wait_for, args=(process,), daemon=True).start()
    if not watch.over():
        return process.returncode if process.returncode >= 0 else 128 - process.returncode
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGINT)
        try:
            process.wait(grace)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return OUT_OF_TIME


def _interruptible() -> None:
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


if __name__ == "__main__":
    code = main(float(sys.argv[1]), sys.argv[2:])
    sys.stdout.flush()
    os._exit(code)  # the thread that reads standard input would hold an ordinary exit up
