"""``python -m delivery.clients._supervisor GRACE COMMAND...``: runs a command, such as the engine, as long as the caller allows.

The caller repeatedly writes a number to the supervisor's standard input: the seconds for which the command may continue. The
supervisor interrupts the command, as Ctrl-C does, when this time is over or when standard input ends (the caller closed it or was
killed). If the command still runs ``GRACE`` seconds later, the supervisor kills the command. The supervisor is a separate process,
because a caller that is suspended or killed cannot stop the command.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading

from delivery.clients.clock import now

OUT_OF_TIME = 75
"""Exit code if the supervisor stopped the command (``EX_TEMPFAIL`` of sysexits.h)."""

FIRST_SECONDS = 10.0
"""Seconds that the command may run before the caller writes the first number."""


class Watch:
    """The remaining time of the command, and whether the command has ended."""

    def __init__(self) -> None:
        """Allow the command ``FIRST_SECONDS``."""
        self.changed = threading.Condition()
        self.until = now() + FIRST_SECONDS
        self.done = False

    def listen(self) -> None:
        """Read the caller's numbers until standard input ends."""
        for line in sys.stdin:
            with contextlib.suppress(ValueError):
                self._set(now() + float(line))
        self._set(0.0)

    def wait_for(self, process: subprocess.Popen[bytes]) -> None:
        """Wait until the command ends, and set ``done``."""
        process.wait()
        with self.changed:
            self.done = True
            self.changed.notify()

    def over(self) -> bool:
        """Wait until the command ends or its time is over. Returns whether the command must be stopped."""
        with self.changed:
            while not self.done and now() < self.until:
                self.changed.wait(min(self.until - now(), 1.0))
            return not self.done

    def _set(self, until: float) -> None:
        with self.changed:
            self.until = until
            self.changed.notify()


def main(grace: float, command: list[str]) -> int:
    """Run ``command``. Returns its exit code (128 plus the number of the signal that ended it), or :data:`OUT_OF_TIME`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the caller, which decides whether the command ends
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
    os._exit(code)  # an ordinary exit can abort, because a daemon thread still reads standard input
