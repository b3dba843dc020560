"""A wall clock that jumps: `time.time()` and `datetime.now()` are off by the seconds in the file that ``SOAK_CLOCK`` names.

Only for the processes of the soak, whose search path has this folder. The machine's own clock stays as it is, and so do the
monotonic clocks, as when the machine's clock is set. Go programs (kubectl, the engine) do not see the jump.
"""

from __future__ import annotations

import datetime
import os
import time
from pathlib import Path
from typing import Any, Self

_real_time, _real_time_ns, _RealDatetime = time.time, time.time_ns, datetime.datetime


def _jump() -> float:
    try:
        return float(Path(os.environ["SOAK_CLOCK"]).read_text() or 0)
    except (KeyError, OSError, ValueError):
        return 0


class _Kind(type):
    """What C code makes is a plain datetime, and is to pass for one of the kind that Python code sees."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _RealDatetime)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, _RealDatetime)


class _Datetime(_RealDatetime, metaclass=_Kind):
    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> Self:
        return cls.fromtimestamp(_real_time() + _jump(), tz)

    @classmethod
    def utcnow(cls) -> Self:
        return cls.now(datetime.UTC).replace(tzinfo=None)

    @classmethod
    def today(cls) -> Self:
        return cls.now()


_changed: Any = datetime
_changed.datetime = _Datetime
time.time = lambda: _real_time() + _jump()
time.time_ns = lambda: _real_time_ns() + int(_jump() * 1e9)
