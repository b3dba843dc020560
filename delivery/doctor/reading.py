"""Reads the snapshot of an environment: all parts in parallel, each with a time limit. Nothing is changed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError  # pyright: ignore[reportMissingTypeStubs]

from delivery.doctor.facts import Observed
from delivery.doctor.observations import PARTS, Snapshot, SnapshotPart
from delivery.doctor.sources import NotStartedError, Sources
from delivery.errors import DeliveryError

SLOW_SECONDS = 300.0
"""Time limit of the part ``drift``. The engine reads every resource from the cloud for this part."""


def observe(sources: Sources, *, seconds: float, skip: Mapping[str, str] | None = None) -> Iterator[Snapshot]:
    """Snapshots of an environment: one as soon as all parts but the slow ones are read, then one with all parts.

    A part that cannot be read has the reason instead of a value. The keys of ``skip`` are the names of parts that must not be
    read. The values are the reasons. If all slow parts are skipped, there is only one snapshot.
    """
    skipped = skip or {}
    reader = Snapshot(environment=sources.environment.name, source=sources)
    observed: dict[str, Observed[Any]] = {
        name: Observed(None, f"{PARTS[name].title}: {reason}", skipped=True) for name, reason in skipped.items()
    }
    # The threads are daemons, so that a server that does not answer delays neither the report nor the end of the command.
    threads = {
        each: threading.Thread(target=_read, args=(each, reader, observed), daemon=True)
        for name, each in PARTS.items()
        if name not in skipped
    }
    started = time.monotonic()
    for thread in threads.values():
        thread.start()
    for slow, limit in ((False, seconds), (True, SLOW_SECONDS)):
        chosen = {part: thread for part, thread in threads.items() if part.slow is slow}
        for part, thread in chosen.items():
            thread.join(max(0.0, started + limit - time.monotonic()))
            observed.setdefault(part.name, Observed(None, f"{part.title}: no answer within {limit:g} s"))
        if chosen:
            # A copy, so that a thread that ends later does not change the snapshot.
            parts = {
                name: observed.get(name) or Observed(None, f"{PARTS[name].title}: not read yet", skipped=True) for name in PARTS
            }
            yield Snapshot(environment=reader.environment, at=datetime.now(UTC), parts=parts)


def _read(part: SnapshotPart[Any], reader: Snapshot, observed: dict[str, Observed[Any]]) -> None:
    try:
        answer: Observed[Any] = Observed(part.read(reader))
    except DeliveryError as error:
        fix = f"\n    {error.fix}" if error.fix else ""
        answer = Observed(None, f"{part.title}: {error.problem}{fix}", skipped=isinstance(error, NotStartedError))
    except ClientError as error:
        answer = Observed(None, f"{part.title}: AWS answers: {error}")
    except (BotoCoreError, OSError) as error:
        answer = Observed(None, f"{part.title}: {error}")
    except (KeyError, IndexError, TypeError, ValueError) as error:
        answer = Observed(None, f"{part.title}: the response does not have the expected form: {error!r}")
    observed.setdefault(part.name, answer)
