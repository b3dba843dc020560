"""A faster run of a program that lives for seconds, which otherwise takes more than twice as long.

This changes process globals (the collector, the SDK's debug messages) and private state of the SDK (its list of calls). Use it
only for the interpreter of a program, a process that runs that program once, and never for a program on AWS.
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
    """Turn the garbage collector off; call this before large imports."""
    gc.disable()  # the imports make a million objects, none of them garbage
    atexit.register(gc.freeze)  # else the interpreter looks through them all once more before it ends


def run_with_engine(*, debug: bool) -> None:
    """Skip work of the SDK that this run does not need, as soon as the SDK is connected to the engine.

    Unless the CLI shows them (``debug``), the SDK's debug messages are not sent: there are five per resource, the event loop waits
    for each, and the engine would discard them.

    The SDK also waits for outputs in quadratic time: it waits first for the running calls, then for all outputs, and
    starts again after each. No call is running when the program ends, so it would only wait for outputs; one
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
    """Whether the CLI's command line requests debug messages. The CLI does not pass this flag to its child processes."""
    return any(DEBUG_FLAG.fullmatch(argument) for argument in command[1:])


def _say_nothing(*_arguments: object, **_options: object) -> None:
    """Accepts the arguments of ``pulumi.log.debug``."""
