"""Makes a short run of a program faster. Without this module, the program takes more than twice as long.

The module changes process globals (the garbage collector, the SDK's debug messages) and private parts of the SDK. Use it only in a
process that runs one program once, and never for a program on AWS.
"""

from __future__ import annotations

import asyncio
import atexit
import gc
import re
from collections.abc import Sequence
from typing import Any, cast

DEBUG_FLAG = re.compile(r"--debug(=true)?|-[a-z]*d[a-z]*")


def collect_nothing() -> None:
    """Turn the garbage collector off; call this function before large imports."""
    gc.disable()  # the imports create a million objects, and no garbage
    atexit.register(gc.freeze)  # otherwise the interpreter searches all objects for garbage when it exits


def run_with_engine(*, debug: bool) -> None:
    """Make the SDK skip work that this run does not need; call this function before the SDK connects to the engine.

    Without ``debug``, the SDK's debug messages are not sent. The SDK would send five messages per resource and wait for each of
    them, but the engine discards the messages.

    The stack trace of a resource is cut to its first frame, which declares the resource. The other frames would be a third of the
    state, which the engine writes twice per changed resource.

    At the end of the program, the SDK waits for its calls to the engine, and for all outputs. If no call has started at this
    time, the SDK waits for all outputs again after each output, which takes quadratic time. Therefore this function adds a call
    that does nothing. The SDK waits for this call first, and meanwhile the other calls start.
    """
    import pulumi
    import pulumi.runtime
    from pulumi.runtime import resource
    from pulumi.runtime.proto.source_pb2 import StackTrace
    from pulumi.runtime.settings import SETTINGS

    if not debug:
        pulumi.log.debug = _say_nothing
    trace = resource._get_stack_trace
    resource._get_stack_trace = lambda: StackTrace(frames=trace().frames[:1])
    connect = pulumi.runtime.configure

    def connect_and_begin(settings: Any) -> None:
        connect(settings)
        cast(Any, SETTINGS).rpc_manager.rpcs.append(asyncio.sleep(0))

    pulumi.runtime.configure = connect_and_begin


def is_debugging(command: Sequence[str]) -> bool:
    """Whether the CLI's command line requests debug messages. The CLI does not pass this flag to its child processes."""
    return any(DEBUG_FLAG.fullmatch(argument) for argument in command[1:])


def _say_nothing(*_arguments: object, **_options: object) -> None:
    """Do nothing, in place of ``pulumi.log.debug``."""
