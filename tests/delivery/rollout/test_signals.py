import subprocess
import sys

ROUNDS = """
import os, signal, threading
from types import SimpleNamespace
from delivery.cli.rollout import _signals
from delivery.rollout.flow import Runner

for _ in range(300):
    platform = SimpleNamespace()
    with _signals(platform) as (wake, _ask):
        runner = Runner(platform=platform, journal=None, reporter=None, guard=None, wake=wake)
        threading.Timer(0.002, os.kill, (os.getpid(), signal.SIGTERM)).start()
        while not platform.stop():
            runner._sleep(0)  # never asleep: a signal comes in the middle of something
print(platform.stop(), flush=True)
"""


def test_a_signal_reaches_the_rollout_whenever_it_comes() -> None:
    done = subprocess.run([sys.executable, "-c", ROUNDS], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "stopped by SIGTERM\n"
