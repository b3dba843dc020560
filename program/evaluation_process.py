"""Evaluates a program in a separate process, and returns an answer or an error, whatever the evaluated program does.

The program runs as the user who started the command, without restrictions. The separate process limits the effect of a faulty
program: its prints are not part of the answer, a hang ends after a time limit, and the processes that it started are killed.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from program.checkout import CHECKOUT
from program.errors import EvaluationError

TIMEOUT_SECONDS = 120
"""Time limit of the process with one evaluation, which takes two seconds on an idle machine."""

SECONDS_EACH = 15
"""Additional time for each further evaluation, which takes half a second on an idle machine."""

GRACE_SECONDS = 5
"""Additional time after the time limit, in which the process prints the call stacks of its threads."""

LOOK_SECONDS = 0.05
"""Seconds between two listings of the process's children. One listing takes 3 ms."""

KEPT = ("PATH", "HOME", "LANG", "TMPDIR")
"""The environment variables that the evaluated program inherits from the command."""

FRAME = re.compile(r'^  File "(.+)", line (\d+) in (.+)$', re.MULTILINE)
"""A line of a traceback that :mod:`faulthandler` prints."""


def answers(
    checkout: Path, stacks: Sequence[str], options: Sequence[str], stack_file: Path | None = None
) -> tuple[Iterator[bytes], EvaluationError]:
    """The lines that ``python -m program`` writes, and the error to use for each missing answer.

    ``options`` are ``--known``, ``--preview`` or both; ``stack_file`` replaces the checkout's stack file. The process writes
    the answers to one temporary file. Its standard output, which its children share, is another file. So a print cannot change an
    answer, and a child that keeps standard output open cannot delay an answer.
    """
    seconds = TIMEOUT_SECONDS + SECONDS_EACH * (len(stacks) * len(options) - 1)
    with tempfile.TemporaryFile() as answer, tempfile.TemporaryFile() as output:
        command = [sys.executable, "-m", "program", str(checkout), *stacks, *options]
        command += ["--answers", str(answer.fileno()), "--seconds", str(seconds)]
        command += ["--stack-file", str(stack_file)] if stack_file else []
        # The process imports `program` from this checkout. It puts the evaluated checkout first on `sys.path`, for `components`.
        environment = {name: os.environ[name] for name in KEPT if name in os.environ}
        environment |= {"PYTHONPATH": str(CHECKOUT), "PYTHONSAFEPATH": "1"}
        process = subprocess.Popen(
            command,
            cwd=checkout,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=(answer.fileno(),),
            start_new_session=True,
        )
        in_time = _ended(process, seconds)
        answer.seek(0)
        output.seek(0)
        printed = output.read().decode(errors="replace")
        return iter(answer.read().splitlines()), _lost(checkout, printed, None if in_time else seconds)


def _ended(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Wait until the process ends, and return whether it ended within ``seconds``.

    A process that does not end is killed ``GRACE_SECONDS`` after this limit. The processes that it started are always killed.
    """
    limit = time.monotonic() + seconds
    started: dict[int, psutil.Process] = {}
    with suppress(psutil.Error):
        watched = psutil.Process(process.pid)
        while watched.status() != psutil.STATUS_ZOMBIE and time.monotonic() < limit + GRACE_SECONDS:
            started |= {each.pid: each for each in watched.children(recursive=True)}
            time.sleep(LOOK_SECONDS)
    in_time = time.monotonic() < limit
    # The process is not reaped yet, so its pid still identifies its group.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    for child in started.values():
        with suppress(psutil.Error):  # psutil also compares the start time, so it never kills a new process that reuses the pid
            child.kill()
    process.wait()
    return in_time


def _lost(checkout: Path, printed: str, late: float | None) -> EvaluationError:
    """The error for a missing answer; ``late`` is the time limit in seconds if the process exceeded it."""
    if late is None:
        return EvaluationError(f"the program of {checkout} ended without an answer: {printed[-2000:].strip()}")
    frames = [
        f"  {Path(file).relative_to(checkout)}:{line} in {function}"
        for file, line, function in FRAME.findall(printed)
        if Path(file).is_relative_to(checkout)
    ]
    place = "; it was at\n" + "\n".join(dict.fromkeys(frames)) if frames else ""
    return EvaluationError(
        f"the program of {checkout} did not end within {late} s{place}",
        "remove the call that the program waits for, or run the command again when this machine is less busy",
    )
