"""Evaluation in a process of its own: its answer, its output and its end, whatever the evaluated program does.

What the program may do is not limited: it runs as the user who started the command. What is limited is what it can spoil by
accident: its prints are no part of the answer, a hang ends, and nothing that it started is left.
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
"""For the process and its first evaluation; on an idle machine they take two seconds."""

SECONDS_EACH = 15
"""For each further stack and world; half a second on an idle machine."""

GRACE_SECONDS = 5
"""For the process to say where it stands after its time is over."""

KEPT = ("PATH", "HOME", "LANG", "TMPDIR")
"""What a program needs to run, of the environment of the command that evaluates it."""

FRAME = re.compile(r'^  File "(.+)", line (\d+) in (.+)$', re.MULTILINE)
"""A line of :mod:`faulthandler`."""


def answers(checkout: Path, stacks: Sequence[str], worlds: Sequence[str]) -> tuple[Iterator[bytes], EvaluationError]:
    """The lines that ``python -m program`` answers, and the error that stands for the answers that are missing.

    They come through a file of their own, and what the process and its children print goes to another one, so neither a print nor
    a child that keeps a pipe open can spoil or delay the answer.
    """
    seconds = TIMEOUT_SECONDS + SECONDS_EACH * (len(stacks) * len(worlds) - 1)
    with tempfile.TemporaryFile() as answer, tempfile.TemporaryFile() as output:
        command = [sys.executable, "-m", "program", str(checkout), *stacks, *worlds]
        command += ["--answers", str(answer.fileno()), "--seconds", str(seconds)]
        # This checkout's `program` evaluates the other checkout's `components`, which come first on its path.
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
        said = output.read().decode(errors="replace")
        return iter(answer.read().splitlines()), _lost(checkout, said, None if in_time else seconds)


def _ended(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Wait for the end of the process, then end whatever it started; whether it ended by itself, and in time."""
    end = time.monotonic() + seconds + GRACE_SECONDS
    started: dict[int, psutil.Process] = {}
    with suppress(psutil.Error):
        watched = psutil.Process(process.pid)
        while watched.status() != psutil.STATUS_ZOMBIE and time.monotonic() < end:
            started |= {each.pid: each for each in watched.children(recursive=True)}
            time.sleep(0.01)
    # The process itself is not waited for yet, so its number still names its own group.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    for child in started.values():
        with suppress(psutil.Error):  # which compares the time at which the process started, too
            child.kill()
    return process.wait() != -signal.SIGKILL and process.returncode != EXPIRED


EXPIRED = 124
"""Exit code of a process whose time is over, as ``timeout`` has it."""


def _lost(checkout: Path, said: str, late: float | None) -> EvaluationError:
    """What stands for a missing answer; ``late`` are the seconds after which the process was ended."""
    if late is None:
        return EvaluationError(f"the program of {checkout} ended without an answer: {said[-2000:].strip()}")
    frames = [
        f"  {Path(file).relative_to(checkout)}:{line} in {function}"
        for file, line, function in FRAME.findall(said)
        if Path(file).is_relative_to(checkout)
    ]
    place = "; it was at\n" + "\n".join(dict.fromkeys(frames)) if frames else ""
    return EvaluationError(f"the program of {checkout} was not done after {late} s{place}", "look for what it waits for")
