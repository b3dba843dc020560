import subprocess
import sys

ROUNDS = """
import os, signal, threading
from embedded_cloud import grpc_server

grpc_server.PARENT_SECONDS = 0  # never asleep: a signal comes in the middle of something
for _ in range(300):
    told = grpc_server.end_signals()
    threading.Timer(0.002, os.kill, (os.getpid(), signal.SIGINT)).start()
    grpc_server.wait_for_end(told, os.getppid())
print("ended", flush=True)
"""


def test_a_signal_ends_the_wait_whenever_it_comes() -> None:
    done = subprocess.run([sys.executable, "-c", ROUNDS], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "ended\n"


def test_a_child_whose_engine_is_gone_ends() -> None:
    orphan = (
        "import os\nfrom embedded_cloud import grpc_server\ngrpc_server.wait_for_end(grpc_server.end_signals(), os.getppid() + 1)\n"
    )
    subprocess.run([sys.executable, "-c", orphan], timeout=60, check=True)
