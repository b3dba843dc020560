"""What makes a program that lives for seconds quick: the habits of long-lived ones took more than half of its time.

This changes process globals (the collector, the SDK's debug messages) and private state of the SDK (its list of calls). It is
for the interpreter of a program alone, a process of our own that runs that program once: never for a program on AWS.
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
    """Leave out the garbage collector; to be called before large imports."""
    gc.disable()  # the imports make a million objects, none of them garbage
    atexit.register(gc.freeze)  # else the interpreter looks through them all once more before it ends


def run_with_engine(*, debug: bool) -> None:
    """Leave out what the SDK does for the engine that this run does not need, as soon as the SDK is connected to the engine.

    Unless the CLI was asked to show them (``debug``), the SDK's debug messages are not sent: five per resource, each a call
    that the event loop waits for, and the engine would drop them.

    And the SDK would wait for outputs in quadratic time: it waits first for the calls that run, then for all outputs, and
    begins anew at each that resolves. No call has begun when the program ends, so it would wait the second way all along; one
    more call, which does nothing, lets the others begin.
    """
    import pulumi
    import pulumi.runtime
    from pulumi.runtime.settings import SETTINGS

    if not debug:
        pulumi.log.debug = _say_nothing
    connect = pulumi.runtime.configure

    def connect_and_begin(settings: Any) -> None:
        connect(settings)
        cast(Any, SETTINGS).rpc_manager.rpcs.append(asyncio.sleep(0))

    pulumi.runtime.configure = connect_and_begin


def is_debugging(command: Sequence[str]) -> bool:
    """Whether the CLI's command line asks for debug messages. The CLI passes its flag on to nothing that it starts."""
    return any(DEBUG_FLAG.fullmatch(argument) for argument in command[1:])


def _say_nothing(*_arguments: object, **_options: object) -> None:
    """Takes what ``pulumi.log.debug`` takes."""
