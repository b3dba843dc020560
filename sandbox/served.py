"""How the engine's children end: when it says so, and when it is gone without having said anything."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc

MESSAGE_BYTES = 400 * 1024 * 1024
"""The engine's own limit for one gRPC message."""

CALLS_AT_ONCE = 32

PARENT_SECONDS = 0.5
"""How often a child looks whether its parent still runs: a killed engine cannot tell it to end."""


def new_server() -> grpc.Server:
    """A gRPC server with the engine's limits."""
    sizes = [("grpc.max_receive_message_length", MESSAGE_BYTES), ("grpc.max_send_message_length", MESSAGE_BYTES)]
    return grpc.server(ThreadPoolExecutor(max_workers=CALLS_AT_ONCE), options=sizes)


def serve(server: grpc.Server) -> None:
    """Serve on a free port, whose number the engine reads from standard output, until the engine ends this process or dies.

    The engine sends SIGINT, and kills what is still there five seconds later.
    """
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    engine = os.getppid()
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    while not stopped.wait(PARENT_SECONDS) and os.getppid() == engine:
        pass
    server.stop(grace=None).wait()
