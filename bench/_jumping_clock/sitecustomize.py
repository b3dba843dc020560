"""Makes the wall clock jump: `time.time()` and `datetime.now()` add the seconds in the file that the variable ``SOAK_CLOCK`` names.

Only processes of the soak test have this folder in their search path. The machine's clock and the monotonic clocks do not change.
Go programs (kubectl, the engine) do not see the jump.
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
    """The metaclass of the substitute for ``datetime``: ``isinstance`` also accepts real datetimes, which C code still creates."""

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
