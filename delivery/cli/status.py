"""``dwcp status``: prints both tracks (stable and canary), their shares of the traffic, and the open rollout."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from delivery.cli._output import EnvironmentOption, console, table, working
from delivery.errors import DeliveryError, ExitCode


def status(
    environment: EnvironmentOption = "production",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
) -> None:
    """Show the release, share of the traffic and health of each track (stable and canary), without changing anything.

    Exit codes: 0 healthy; 1 a track that receives traffic has too few healthy targets, no track receives traffic, or the rollout's
    journal cannot be read; 3 a rollout is on hold until a person decides. A rollout that waits at the percentage of
    `dwcp rollout --percentage` is healthy.
    """
    from delivery.clients.environment import Environment

    target = Environment.open(environment)
    with working(f"reading the tracks of {target.name}"):
        facts, unreadable = _facts(target)
    shown = console()
    if as_json:
        shown.print(json.dumps(facts, indent=1), markup=False, soft_wrap=True)
    else:
        _show(facts, shown)
    if unreadable is not None:
        raise unreadable
    if not facts["healthy"]:
        raise typer.Exit(ExitCode.FAILED)
    if facts["rollout"] is not None and facts["rollout"]["holding"] and not facts["rollout"]["reached"]:
        raise typer.Exit(ExitCode.HELD)


def _facts(target: Any) -> tuple[dict[str, Any], DeliveryError | None]:
    """The tracks, the flag and the open rollout, and the error if the rollout's journal cannot be read."""
    from delivery.releases.running_now import running, shares
    from delivery.rollout.journal import Journal, JournalError

    tracks: dict[str, dict[str, Any]] = {}
    for name, share in shares(target).items():
        pods, healthy = running(target, name)
        tracks[name] = {
            "image": pods.image,
            "traffic": share,
            "replicas": pods.replicas,
            "ready": len(pods.ready),
            "healthy": healthy,
            "settled": pods.settled,
            "trouble": pods.trouble,
        }
    record, rollout, unreadable = None, None, None
    try:
        record = Journal(target.kubernetes, target.name).read()
    except JournalError as error:  # the tracks and their traffic are shown nevertheless
        unreadable = error
    if record is not None and record.is_open:
        progress = record.progress
        rollout = {
            "id": record.id,
            "image": record.plan.image,
            "phase": str(progress.phase),
            "step": record.plan.steps[progress.step],
            "holding": progress.holding,
            "reached": progress.reached,
            "aborting": progress.aborting,
        }
    # A track with traffic needs a healthy target for each pod; a track without traffic needs none.
    serving = [each for each in tracks.values() if each["traffic"] != 0]
    facts = {
        "environment": target.name,
        "healthy": all(each["traffic"] is not None and each["healthy"] >= max(1, each["replicas"]) for each in serving),
        "tracks": tracks,
        "flag": target.tracks.flag(),
        "rollout": rollout,
        "problem": "" if unreadable is None else unreadable.problem,
    }
    return facts, unreadable


def _show(facts: dict[str, Any], shown: Any) -> None:
    rows = table("track", "traffic", "image", "pods", "healthy", "trouble", title=facts["environment"], title_justify="left")
    for name, track in facts["tracks"].items():
        share = "none" if track["traffic"] is None else f"{track['traffic']} %"
        pods = f"{track['ready']}/{track['replicas']}"
        rows.add_row(name, share, track["image"], pods, str(track["healthy"]), track["trouble"])
    shown.print(rows)
    shown.print(f"flag: {facts['flag']} %")
    rollout = facts["rollout"]
    if facts["problem"]:
        return
    if rollout is None:
        shown.print("no rollout is open")
    else:
        state = rollout["holding"] or rollout["aborting"] or f"phase {rollout['phase']}"
        text = f"rollout {rollout['id']} of {rollout['image']} is open at {rollout['step']} %: {state}"
        shown.print(text, markup=False, soft_wrap=True)
