"""``python -m killed ARGUMENTS``: run `dwcp`, and kill it after its first journal entry (``KILL_AFTER=entry``) or first action."""

from __future__ import annotations

import os
import signal
from typing import Any

from delivery.cli.app import main
from delivery.rollout.journal import Journal
from delivery.rollout.platform import Platform


def _kill_this_process() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


write, perform = Journal.write, Platform.perform


def write_then_die(journal: Journal, record: Any) -> None:
    write(journal, record)
    _kill_this_process()


def perform_then_die(platform: Platform, plan: Any, action: Any) -> None:
    perform(platform, plan, action)
    _kill_this_process()


if __name__ == "__main__":
    if os.environ["KILL_AFTER"] == "entry":
        Journal.write = write_then_die  # type: ignore[method-assign]
    else:
        Platform.perform = perform_then_die  # type: ignore[method-assign]
    main()
