"""``dwcp preview``: prints the effect of a change on every stack before the change is applied."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from delivery.cli._output import STACK, scope, working
from delivery.errors import ExitCode
from program.checkout import CHECKOUT

if TYPE_CHECKING:
    from delivery.preview.change import Preview

Format = Literal["markdown", "json", "html"]


def preview(
    base: Annotated[
        str, typer.Option(help="Compare with the merge base of this branch, tag or commit; no effect with --engine.")
    ] = "origin/main",
    head: Annotated[
        str, typer.Option(help="Preview this branch, tag or commit; without it, and with --engine, the work tree.")
    ] = "",
    environment: Annotated[
        list[str] | None,
        scope(*STACK, text="Preview this stack; repeatable. Without it: all but local; with --engine: staging and production."),
    ] = None,
    output: Annotated[Format, typer.Option("--format", help="Print in this format; no effect with --output.")] = "markdown",
    folder: Annotated[
        Path | None, typer.Option("--output", help="Write preview.md, preview.json and preview.html to this folder.")
    ] = None,
    engine: Annotated[
        bool, typer.Option("--engine", help="Run the engine's preview against the state; needs credentials for the backend.")
    ] = False,
    plans: Annotated[
        Path | None, typer.Option("--save-plan", help="With --engine: write each plan to this folder, for `dwcp deploy --plan`.")
    ] = None,
    repository: Annotated[Path, typer.Option(help="The checkout.", hidden=True)] = CHECKOUT,
) -> None:
    """Print what a change does to every stack. If nothing changes, the Markdown is empty.

    Exit code 0: the change can be applied; 1: the changed program does not run, violates a mandatory policy, or contains a change
    that AWS or Kubernetes will refuse; 2: the command line is wrong; 3: the program at the base of the comparison does not run, so
    the changes are not known.
    """
    if engine:
        with working(f"running the engine's preview of {' and '.join(environment or ['every environment except local'])}"):
            from delivery.preview import from_engine

            found = from_engine.preview(environment or [], repository, plans)
    else:
        with working(f"evaluating the program at {base} and {f'at {head}' if head else 'in the work tree'}"):
            from delivery.preview import from_program

            found = from_program.preview(base, head or None, environment or [], repository)
    if folder is None:
        sys.stdout.write(_rendered(found, output))
    else:
        _write(found, folder)
    raise typer.Exit(int(_code(found)))


def _code(found: Preview) -> ExitCode:
    if found.failed:
        return ExitCode.FAILED
    return ExitCode.HELD if any(each.base_problem for each in found.stacks) else ExitCode.DONE


def _rendered(found: Preview, output: Format) -> str:
    from delivery.preview import comment, page

    if output == "json":
        return found.to_json().decode() + "\n"
    return comment.render(found) if output == "markdown" else page.render(found)


def _write(found: Preview, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    formats: dict[str, Format] = {"preview.md": "markdown", "preview.json": "json", "preview.html": "html"}
    for name, output in formats.items():
        (folder / name).write_text(_rendered(found, output))
    sys.stdout.write(f"written to {folder / 'preview.html'}\n" if not found.silent else "nothing changes\n")
