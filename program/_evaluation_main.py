"""Evaluates the program of a checkout, in a process that does nothing else."""

from __future__ import annotations

import argparse
import faulthandler
import importlib
import json
import os
import runpy
import sys
import traceback
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import pulumi

from program import _sdk
from program.checkout import program_of
from program.errors import ProgramError
from program.evaluation import PLACEHOLDERS, run
from program.evaluation_process import TIMEOUT_SECONDS
from program.project_files import project_name, stack_configuration, with_other_secrets

PROGRAM = ("components", "contract")
"""The packages and modules of a checkout's program, in addition to ``__main__``."""


def write(arguments: Sequence[str]) -> None:
    """Write one answer for each stack and kind of evaluation: ``--known`` with example outputs, ``--preview`` with unknown outputs.

    Without one of these options, the evaluation is ``--known``. The first line of an answer names the stack and the kind of
    evaluation. If this line contains no error, a second line contains the graph.

    ``--stack-file`` replaces the checkout's stack file. ``--answers`` is the file descriptor for the answers, by default standard
    output. After ``--seconds``, the process prints a traceback and ends.
    """
    parser = argparse.ArgumentParser(prog="python -m program")
    parser.add_argument("checkout", type=Path)
    parser.add_argument("stacks", nargs="+")
    parser.add_argument("--known", action="append_const", dest="worlds", const=False)
    parser.add_argument("--preview", action="append_const", dest="worlds", const=True)
    parser.add_argument("--stack-file", type=Path)
    parser.add_argument("--answers", type=int, default=sys.stdout.fileno())
    parser.add_argument("--seconds", type=float, default=TIMEOUT_SECONDS)
    given = parser.parse_args(list(arguments))
    faulthandler.dump_traceback_later(given.seconds, exit=True)  # works even if the program then waits in C code
    _sdk.without_debug_messages()
    os.set_inheritable(given.answers, False)
    with os.fdopen(given.answers, "wb") as out:
        for answer in _answers(given.checkout, given.stacks, given.worlds or [False], given.stack_file):
            out.write(answer + b"\n")
            out.flush()
    os._exit(0)  # does not wait for threads that the program started


def _answers(checkout: Path, stacks: Sequence[str], worlds: Sequence[bool], stack_file: Path | None) -> Iterator[bytes]:
    sys.path.insert(0, str(checkout))
    _forget_our_modules()
    placeholders = _placeholders()
    for stack in stacks:
        for preview in worlds:
            named: dict[str, Any] = {"stack": stack, "preview": preview}
            try:
                folder = program_of(checkout, stack)
                settings = stack_configuration(checkout, stack, placeholders, stack_file)
                if preview:
                    settings = with_other_secrets(settings)
                graph = run(
                    partial(runpy.run_path, str(folder / "__main__.py")),
                    settings.values,
                    stack=stack,
                    preview=preview,
                    project=project_name(folder),
                    secrets=settings.secrets,
                )
                yield json.dumps(named).encode() + b"\n" + graph.to_json()
            except (pulumi.RunError, ProgramError) as error:
                yield json.dumps({**named, "error": str(error)}).encode()
            except (Exception, SystemExit) as error:
                problem = f"the program raised {type(error).__name__}: {error}{_place(checkout, error)}"
                yield json.dumps({**named, "error": problem}).encode()


def _forget_our_modules() -> None:
    """Remove this checkout's modules from ``sys.modules``, because the evaluated checkout has modules with the same names."""
    for name in [each for each in sys.modules if each.partition(".")[0] in PROGRAM]:
        del sys.modules[name]


def _placeholders() -> dict[str, Any]:
    """Placeholders for the secrets that the evaluated program reads.

    The keys come from the evaluated checkout, because another version of the program can have other keys and reject unknown keys.
    """
    try:
        keys = cast("tuple[str, ...]", importlib.import_module("components.settings._loading").SECRET_KEYS)
    except Exception:  # the evaluation of the program reports the error with its place
        return PLACEHOLDERS
    return {key: PLACEHOLDERS.get(key, "placeholder") for key in keys}


def _place(checkout: Path, error: BaseException) -> str:
    """The last line of the checkout's code in the traceback of ``error``, as ``(FILE:LINE)``; empty without such a line."""
    frames = [each for each in traceback.extract_tb(error.__traceback__) if Path(each.filename).is_relative_to(checkout)]
    return f" ({Path(frames[-1].filename).relative_to(checkout)}:{frames[-1].lineno})" if frames else ""
