"""What makes a program that lives for seconds quick: the habits of long-lived ones took more than half of its time.

The program calls :func:`prepare` before it imports anything large; docs/performance.md says what each line is worth.
"""

from __future__ import annotations

import asyncio
import atexit
import gc
from typing import Any, cast

import pulumi
from pulumi.runtime.settings import SETTINGS


def prepare() -> None:
    """Leave out what this process does not need: the garbage collector, the SDK's chatter, its busy wait for outputs."""
    gc.disable()  # the imports make a million objects, none of them garbage
    atexit.register(gc.freeze)  # else the interpreter looks through them all once more before it ends
    # Five messages per resource, each a call that the event loop waits for; the engine shows them only with --debug.
    pulumi.log.debug = _say_nothing
    # The SDK waits first for the calls that run, then for all outputs, and begins anew at each that resolves. No call has begun
    # when the program ends, so it would wait the second way all along, in quadratic time; one more call lets the others begin.
    cast(Any, SETTINGS).rpc_manager.rpcs.append(asyncio.sleep(0))


def _say_nothing(*_arguments: object, **_options: object) -> None:
    """Takes what ``pulumi.log.debug`` takes."""
