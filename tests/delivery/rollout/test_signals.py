import subprocess
import sys

ROUNDS = """
import os, signal, threading
from delivery.rollout._loop import RolloutLoop
from delivery.rollout._signals import stop_requests

for _ in range(300):
    with stop_requests() as stop:
        loop = RolloutLoop(platform=None, journal=None, reporter=None, lease=None, wake=stop.wake)
        threading.Timer(0.002, os.kill, (os.getpid(), signal.SIGTERM)).start()
        while not stop.reason:
            loop._sleep(0)  # does not sleep, so that the signal interrupts running code
print(stop.reason, flush=True)
"""


def test_a_signal_at_any_time_stops_the_rollout() -> None:
    done = subprocess.run([sys.executable, "-c", ROUNDS], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "stopped by SIGTERM\n"
