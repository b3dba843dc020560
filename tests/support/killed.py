"""``python -m killed ARGUMENTS``: run `dwcp`, and end it as by ``kill -9`` at one point of its journal (``KILL_AFTER``)."""

from __future__ import annotations

import os
import signal
from typing import Any

from delivery.cli.app import main
from delivery.rollout.journal import Journal
from delivery.rollout.platform import Platform


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


write, perform = Journal.write, Platform.perform


def dying_write(journal: Journal, record: Any) -> None:
    write(journal, record)
    _die()


def dying_perform(platform: Platform, plan: Any, action: Any) -> None:
    perform(platform, plan, action)
    _die()


if __name__ == "__main__":
    if os.environ["KILL_AFTER"] == "entry":
        Journal.write = dying_write  # type: ignore[method-assign]
    else:
        Platform.perform = dying_perform  # type: ignore[method-assign]
    main()
