"""``dwcp releases``: lists the releases of an environment, or prints one release in full."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from delivery.cli._output import EnvironmentOption, console, table, working
from delivery.errors import UsageError

SHOWN = 20


def releases(
    environment: EnvironmentOption,
    show: Annotated[str | None, typer.Option(help="Print one release in full; give its id, or the start of its id.")] = None,
    limit: Annotated[int, typer.Option(help="List at most this many releases, newest first.")] = SHOWN,
    output: Annotated[Path | None, typer.Option(help="With --show: write the report to this Markdown file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the records as JSON on standard output.")] = False,
) -> None:
    """List the releases of an environment, or print one: image, commit, configuration, state, time, person, result.

    Exit codes: 0 listed; 1 the release does not exist, or the releases cannot be read; 2 wrong options.
    """
    from delivery.clients.environment import Environment
    from delivery.releases import Releases, release_report

    if limit < 1:
        raise UsageError(f"--limit {limit} is below 1", f"for example --limit {SHOWN}")
    store = Releases(Environment.open(environment))
    if show is not None:
        release = store.get(show)
        text = release_report.markdown(release)
        if output is not None:
            output.write_text(text)
        typer.echo(release.model_dump_json(indent=1) if as_json else f"written to {output}" if output else text)
        return
    with working(f"reading the releases of {environment}"):
        found, running = store.all()[:limit], store.latest()
    if as_json:
        typer.echo(json.dumps([each.model_dump(mode="json", exclude={"manifests", "steps"}) for each in found], indent=1))
        return
    rows = table("", "release", "command", "result", "image", "commit", "by")
    for each in found:
        mark = ">" if running is not None and each.id == running.id else ""
        image = each.image.rpartition("/")[2].partition(":")[2]
        rows.add_row(mark, each.id, each.command, each.result, image, _commit(each.commit), each.who.partition(",")[0])
    console().print(rows if found else f"nothing has been released to {environment} yet")


def _commit(commit: str) -> str:
    from delivery.releases.request import DIRTY

    head, changed, _ = commit.partition(DIRTY)
    return f"{head[:8]} + changes" if changed else head[:8]
