"""Reads the picture of an environment: all parts at once, each within a time of its own, and none changes anything."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError  # pyright: ignore[reportMissingTypeStubs]

from delivery.doctor.facts import Seen
from delivery.doctor.observations import PARTS, Observations, Part
from delivery.doctor.sources import NotStartedError, Sources
from delivery.errors import DeliveryError

SLOW_SECONDS = 300.0
"""For the engine to read every resource back."""


def observe(
    sources: Sources, *, seconds: float, slow_seconds: float = SLOW_SECONDS, skip: Mapping[str, str] | None = None
) -> Observations:
    """The picture of an environment, none of which has to be reachable. ``skip`` says what not to read, and why."""
    skipped = skip or {}
    unread = Observations(environment=sources.environment.name, source=sources)
    seen: dict[str, Seen[Any]] = {}
    # Threads that are not waited for: a server that never answers must hold up neither the report nor the end of the command.
    threads = {
        each: threading.Thread(target=_read, args=(each, unread, seen), daemon=True)
        for name, each in PARTS.items()
        if name not in skipped
    }
    started = time.monotonic()
    for thread in threads.values():
        thread.start()
    for part, thread in threads.items():
        limit = slow_seconds if part.slow else seconds
        thread.join(max(0.0, started + limit - time.monotonic()))
        seen.setdefault(part.name, Seen(None, f"{part.title}: no answer within {limit:g} s"))
    for name, reason in skipped.items():
        seen[name] = Seen(None, f"{PARTS[name].title}: {reason}", left_out=True)
    # A copy: a thread that answers too late must not change what is being looked at.
    return Observations(environment=unread.environment, at=datetime.now(UTC), parts={name: seen[name] for name in PARTS})


def _read(part: Part[Any], picture: Observations, seen: dict[str, Seen[Any]]) -> None:
    try:
        answer: Seen[Any] = Seen(part.read(picture))
    except NotStartedError as error:
        answer = Seen(None, f"{part.title}: {error.problem}; start one: {error.fix}", left_out=True)
    except DeliveryError as error:
        answer = Seen(None, f"{part.title}: {error.problem}")
    except ClientError as error:
        answer = Seen(None, f"{part.title}: AWS answers: {error}")
    except (BotoCoreError, OSError) as error:
        answer = Seen(None, f"{part.title}: {error}")
    except (KeyError, IndexError, TypeError, ValueError) as error:
        answer = Seen(None, f"{part.title}: the answer is not what was expected: {error!r}")
    seen.setdefault(part.name, answer)
