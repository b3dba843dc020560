"""The gRPC server of the engine's child processes, which end on the engine's request, or when the engine has been killed.

This module changes signal handlers and the garbage collector of the process. This is safe, because nothing else runs in it.
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
"""The interval at which a child checks that its parent still runs; a killed engine cannot request its end."""


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
    gc.freeze()  # a collection over all imported objects would delay the start, for which the engine waits


def ends_told() -> SimpleQueue[int]:
    """A queue that receives SIGINT (from the engine, which kills its remaining children five seconds later) and SIGTERM.

    It is not an event, because setting an event in a signal handler waits for a lock that the interrupted thread may hold.
    """
    told: SimpleQueue[int] = SimpleQueue()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _: told.put(received))
    return told


def wait_for_end(told: SimpleQueue[int], engine: int) -> None:
    """Return when this process receives a signal to end, or when ``engine`` is no longer its parent."""
    while os.getppid() == engine:
        with suppress(Empty):
            told.get(timeout=PARENT_SECONDS)
            return
