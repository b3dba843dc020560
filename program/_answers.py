"""The graphs of a checkout's program, one line of JSON per stack, from a process that does nothing else."""

from __future__ import annotations

import importlib
import json
import runpy
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, cast

import pulumi

from program import _sdk
from program.errors import ProgramError
from program.evaluation import PLACEHOLDERS, run, stack_config

PROGRAM = ("components", "contract")
"""The packages and modules that a checkout's program consists of, beside ``__main__``."""


def write(arguments: Sequence[str]) -> None:
    """A graph per stack, or what went wrong with it. The program's own prints go to standard error."""
    checkout, *stacks = [each for each in arguments if each != "--preview"]
    out = sys.stdout.buffer
    with redirect_stdout(sys.stderr):
        _sdk.without_debug_messages()
        for answer in _answers(Path(checkout), stacks, preview="--preview" in arguments):
            out.write(answer + b"\n")
            out.flush()


def _answers(checkout: Path, stacks: Sequence[str], *, preview: bool) -> Iterator[bytes]:
    sys.path.insert(0, str(checkout))
    _forget_our_modules()
    placeholders = _placeholders()
    for stack in stacks:
        try:
            config = stack_config(checkout, stack, placeholders)
            yield run(lambda: runpy.run_path(str(checkout / "__main__.py")), config, stack=stack, preview=preview).to_json()
        except (pulumi.RunError, ProgramError) as error:
            yield json.dumps({"stack": stack, "error": str(error)}).encode()
        except (Exception, SystemExit) as error:
            problem = f"the program raised {type(error).__name__}: {error}{_place(checkout, error)}"
            yield json.dumps({"stack": stack, "error": problem}).encode()


def _forget_our_modules() -> None:
    """What this package itself imported of the program: the checkout has modules of its own under these names."""
    for name in [each for each in sys.modules if each.partition(".")[0] in PROGRAM]:
        del sys.modules[name]


def _placeholders() -> dict[str, Any]:
    """Placeholders for the secrets that the evaluated program reads: another version has other ones, and refuses ours."""
    try:
        keys = cast("tuple[str, ...]", importlib.import_module("components.settings.loading").SECRET_KEYS)
    except Exception:  # whatever is wrong with its modules, the program itself says it better
        return PLACEHOLDERS
    return {key: PLACEHOLDERS.get(key, "placeholder") for key in keys}


def _place(checkout: Path, error: BaseException) -> str:
    """The last line of the program itself that ``error`` came through."""
    frames = [each for each in traceback.extract_tb(error.__traceback__) if Path(each.filename).is_relative_to(checkout)]
    return f" ({Path(frames[-1].filename).relative_to(checkout)}:{frames[-1].lineno})" if frames else ""
