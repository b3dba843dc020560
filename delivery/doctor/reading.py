"""Reads the picture of an environment: all parts at once, each within a time of its own, and none changes anything."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError  # pyright: ignore[reportMissingTypeStubs]

from delivery.doctor.observations import Observations, Seen
from delivery.doctor.sources import Sources
from delivery.errors import DeliveryError

DRIFT = "drift"
DRIFT_SECONDS = 300.0
"""For the engine to read every resource back."""

METRICS = frozenset({"alerts", "scrapes_failing", "redis_metrics"})
"""Parts that one Prometheus gives: when it is out of reach, it is so once."""

PARTS: Mapping[str, Callable[[Sources], Any]] = {
    "pods": Sources.pods,
    "events": Sources.events,
    "deployments": Sources.deployments,
    "autoscalers": Sources.autoscalers,
    "disruption_budgets": Sources.disruption_budgets,
    "claims": Sources.claims,
    "secret_names": Sources.secret_names,
    "nodes": Sources.nodes,
    "cluster_dns": Sources.cluster_dns,
    "alerts": Sources.alerts,
    "scrapes_failing": Sources.scrapes_failing,
    "redis_metrics": Sources.redis_metrics,
    "tracks": Sources.tracks,
    "certificates": Sources.certificates,
    "egress": Sources.egress,
    "lease": Sources.lease,
    "stranded_locks": Sources.stranded_locks,
    DRIFT: Sources.drift,
}


def observe(
    sources: Sources, *, seconds: float, drift_seconds: float = DRIFT_SECONDS, skip: Mapping[str, str] | None = None
) -> Observations:
    """The picture of an environment, none of which has to be reachable. ``skip`` says what not to read, and why."""
    skipped = skip or {}
    seen: dict[str, Seen[Any]] = {}
    # Threads that nobody waits for: a server that never answers must hold up neither the report nor the end of the command.
    threads = {
        part: threading.Thread(target=_read, args=(part, read, sources, seen), daemon=True)
        for part, read in PARTS.items()
        if part not in skipped
    }
    started = time.monotonic()
    for thread in threads.values():
        thread.start()
    for part, thread in threads.items():
        limit = drift_seconds if part == DRIFT else seconds
        thread.join(max(0.0, started + limit - time.monotonic()))
        if part not in seen:
            seen[part] = Seen(None, f"{_title(part)}: no answer within {limit:g} s")
    for part, reason in skipped.items():
        seen[part] = Seen(None, f"{_title(part)}: {reason}", left_out=True)
    return Observations(environment=sources.name, at=datetime.now(UTC), **{part: seen[part] for part in PARTS})


def _read(part: str, read: Callable[[Sources], Any], sources: Sources, seen: dict[str, Seen[Any]]) -> None:
    try:
        answer: Seen[Any] = Seen(read(sources))
    except DeliveryError as error:
        answer = Seen(None, f"{_title(part)}: {error.problem}")
    except ClientError as error:
        answer = Seen(None, f"{_title(part)}: AWS answers: {error}")
    except (BotoCoreError, OSError) as error:
        answer = Seen(None, f"{_title(part)}: {error}")
    except (KeyError, IndexError, TypeError, ValueError) as error:
        answer = Seen(None, f"{_title(part)}: the answer is not what was expected: {error!r}")
    seen.setdefault(part, answer)


def _title(part: str) -> str:
    return "metrics" if part in METRICS else part.replace("_", " ")
