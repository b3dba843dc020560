"""The end of the engine's child processes: on the engine's request, or when the engine has been killed.

Signal handlers and the collector are process globals; a child of the engine serves once and ends, and nothing else runs in it.
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
"""How often a child looks whether its parent still runs: a killed engine cannot tell it to end."""


def new_server() -> grpc.Server:
    """A gRPC server with the engine's limits."""
    sizes = [("grpc.max_receive_message_length", MESSAGE_BYTES), ("grpc.max_send_message_length", MESSAGE_BYTES)]
    return grpc.server(ThreadPoolExecutor(max_workers=CALLS_AT_ONCE), options=sizes)


def serve(server: grpc.Server) -> None:
    """Serve on a free port, whose number the engine reads from standard output, until the engine ends this process or dies."""
    engine = os.getppid()
    told = ends_told()
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    wait_for_end(told, engine)
    server.stop(grace=None).wait()
    gc.freeze()  # the engine waits for this process, which would first look for garbage in all that it has imported


def ends_told() -> SimpleQueue[int]:
    """A queue that gets the engine's SIGINT (it kills what is still there five seconds later) and anyone's SIGTERM.

    Not an event: setting one in a signal handler waits for a lock that the interrupted thread may hold.
    """
    told: SimpleQueue[int] = SimpleQueue()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _: told.put(received))
    return told


def wait_for_end(told: SimpleQueue[int], engine: int) -> None:
    """Until this process is told to end, or the process ``engine`` is no longer its parent."""
    while os.getppid() == engine:
        with suppress(Empty):
            told.get(timeout=PARENT_SECONDS)
            return
