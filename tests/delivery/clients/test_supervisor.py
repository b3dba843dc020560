"""The supervisor, with real processes: it ends its command when the time is over or its caller has ended."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from delivery.clients._supervisor import OUT_OF_TIME

LOOP = "import signal, sys, time; print('up', flush=True)\nwhile True: time.sleep(0.05)"
IGNORES_INTERRUPT = f"import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); {LOOP}"
CLEANS_UP = (
    "import signal, sys, time, pathlib\n"
    "def end(*_): pathlib.Path(sys.argv[1]).write_text('cleaned'); sys.exit(0)\n"
    "signal.signal(signal.SIGINT, end); print('up', flush=True)\n"
    "while True: time.sleep(0.05)"
)


STARTED: list[subprocess.Popen[str]] = []


@pytest.fixture(autouse=True)
def end_started_processes() -> Iterator[None]:
    yield
    while STARTED:
        with STARTED.pop() as process:
            if process.stdin is None or process.stdin.closed:
                process.kill()
            else:
                process.stdin.close()  # the supervisor then ends its command


def supervised(code: str, *arguments: str, grace: float = 5) -> subprocess.Popen[str]:
    """A supervisor that runs this Python code, at first for 60 s."""
    process = subprocess.Popen(
        [sys.executable, "-m", "delivery.clients._supervisor", str(grace), sys.executable, "-c", code, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
        start_new_session=True,
    )
    STARTED.append(process)
    assert process.stdin is not None
    process.stdin.write("60\n")
    return process


def started_child(process: subprocess.Popen[str]) -> psutil.Process:
    """The supervised process, after it has started."""
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    [child] = psutil.Process(process.pid).children()
    return child


@pytest.mark.parametrize("code", [0, 1, 7])
def test_the_exit_code_of_the_command_is_passed_on(code: int) -> None:
    assert supervised(f"import sys; sys.exit({code})").wait(30) == code


def test_the_command_is_interrupted_when_its_time_is_over(tmp_path: Path) -> None:
    process = supervised(CLEANS_UP, str(tmp_path / "cleaned"))
    started_child(process)
    assert process.stdin is not None
    process.stdin.write("0\n")
    assert process.wait(30) == OUT_OF_TIME
    assert (tmp_path / "cleaned").exists()


def test_the_command_is_killed_if_it_ignores_the_interrupt() -> None:
    process = supervised(IGNORES_INTERRUPT, grace=0.2)
    engine = started_child(process)
    assert process.stdin is not None
    process.stdin.write("0\n")
    assert process.wait(30) == OUT_OF_TIME
    assert not engine.is_running()


def test_the_command_continues_while_its_time_is_extended() -> None:
    process = supervised(LOOP)
    engine = started_child(process)
    assert process.stdin is not None
    process.stdin.write("1.5\n")
    for _ in range(4):
        time.sleep(0.5)
        process.stdin.write("1.5\n")
    assert engine.is_running()
    process.stdin.close()
    assert process.wait(30) == OUT_OF_TIME


CALLER = """
import subprocess, sys, time
supervisor = subprocess.Popen(
    [sys.executable, "-m", "delivery.clients._supervisor", "5", sys.executable, "-c", sys.argv[1], sys.argv[2]],
    stdin=subprocess.PIPE, start_new_session=True)
supervisor.stdin.write(b"60\\n"); supervisor.stdin.flush()
print(supervisor.pid, flush=True)
time.sleep(60)
"""


def test_the_command_is_interrupted_when_its_caller_is_killed(tmp_path: Path) -> None:
    """As after `kill -9` of `dwcp deploy` during an update."""
    caller = subprocess.Popen(
        [sys.executable, "-c", CALLER, CLEANS_UP, str(tmp_path / "cleaned")], stdout=subprocess.PIPE, text=True, bufsize=1
    )
    STARTED.append(caller)
    assert caller.stdout is not None
    lines = {caller.stdout.readline().strip(), caller.stdout.readline().strip()}
    supervisor = psutil.Process(int((lines - {"up"}).pop()))
    caller.send_signal(signal.SIGKILL)
    caller.wait()
    supervisor.wait(30)
    assert (tmp_path / "cleaned").exists()


def test_ctrl_c_does_not_end_the_command() -> None:
    process = supervised(LOOP)
    engine = started_child(process)
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert engine.is_running()
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(30) == OUT_OF_TIME
    assert not engine.is_running()
