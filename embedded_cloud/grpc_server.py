"""The gRPC server of the engine's child processes. A child process ends on the engine's signal, or when the engine no longer runs.

This module changes signal handlers and the garbage collector. These changes are safe, because the process runs nothing else.
"""

from __future__ import annotations

import gc
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from queue import Empty, SimpleQueue

import grpc

MESSAGE_BYTES = 400 * 1024 * 1024
"""The engine's own limit for one gRPC message."""

CALLS_AT_ONCE = 32

PARENT_SECONDS = 0.5
"""The interval at which a child checks that the engine still runs. A killed engine cannot send a signal to its children."""


def new_server() -> grpc.Server:
    """A gRPC server with the engine's limits."""
    sizes = [("grpc.max_receive_message_length", MESSAGE_BYTES), ("grpc.max_send_message_length", MESSAGE_BYTES)]
    return grpc.server(ThreadPoolExecutor(max_workers=CALLS_AT_ONCE), options=sizes)


def serve(server: grpc.Server) -> None:
    """Serve on a free port until the engine ends this process or no longer runs. The engine reads the port from standard output."""
    engine = os.getppid()
    signals = end_signals()
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    wait_for_end(signals, engine)
    server.stop(grace=None).wait()
    gc.freeze()  # otherwise the interpreter searches all objects for garbage when it exits, and the engine waits for the exit


def end_signals() -> SimpleQueue[int]:
    """A queue that receives the numbers of SIGTERM and SIGINT. The engine sends SIGINT, and kills its remaining children 5 s later.

    A ``threading.Event`` is not possible, because a signal handler that sets an event waits for a lock that the interrupted thread
    may hold.
    """
    signals: SimpleQueue[int] = SimpleQueue()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _: signals.put(received))
    return signals


def wait_for_end(signals: SimpleQueue[int], engine: int) -> None:
    """Return when this process receives a signal to end, or when ``engine`` is no longer its parent."""
    while os.getppid() == engine:
        with suppress(Empty):
            signals.get(timeout=PARENT_SECONDS)
            return
