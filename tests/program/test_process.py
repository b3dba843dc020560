"""An evaluation in this process does not change the state of the process."""

import asyncio
import atexit
import gc
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from typing import Any, cast

import pulumi
import pytest
from pulumi.runtime import config as sdk_config
from pulumi.runtime.settings import ROOT, SETTINGS, Settings
from recording import ROOT as CHECKOUT
from recording import run

from program.evaluation import evaluate_here
from program.short_lived import without_collector


def process_state() -> dict[str, Any]:
    """The state of the process that an evaluation could change."""
    settings = {name: getattr(SETTINGS, name) for name in vars(Settings) if not name.startswith("_")}
    policy = asyncio.get_event_loop_policy()
    return {
        "debug": pulumi.log.debug,
        "collector": (gc.isenabled(), gc.get_freeze_count()),
        "settings": {**settings, "outputs": id(settings["outputs"]), "count": len(cast("set[Any]", settings["outputs"]))},
        "root": ROOT.get(),
        "config": dict(sdk_config.CONFIG.get()),
        "loop": getattr(cast(Any, policy)._local, "_loop", None),
        "environment": dict(os.environ),
        "stdout": (sys.stdout, sys.stderr),
        "path": list(sys.path),
        "atexit": cast(Any, atexit)._ncallbacks(),
        "argv": list(sys.argv),
    }


@pytest.mark.parametrize("preview", [False, True])
def test_an_evaluation_does_not_change_the_process(preview: bool) -> None:
    evaluate_here("local", preview=preview)  # imports
    before = process_state()
    evaluate_here("local", preview=preview)
    assert process_state() == before


def failing_early() -> None:
    pulumi.Output.secret("left behind")
    raise ValueError("wrong setting")


def failing_late() -> None:
    def fail(value: str) -> str:
        raise ValueError(value)

    pulumi.Output.secret("waits for ever")
    pulumi.Output.from_input("wrong setting").apply(fail)


@pytest.mark.parametrize("program", [failing_early, failing_late])
def test_a_failing_program_does_not_change_the_process(program: Callable[[], None]) -> None:
    """The next evaluation is not affected either: a coroutine that was never awaited would be a warning."""
    before = process_state()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match="wrong setting"):
            run(program, {})
        gc.collect()
        assert run(lambda: None, {}).resources == ()
    assert process_state() == before


def test_an_evaluation_does_not_change_the_settings_of_another_program() -> None:
    """For example an inline program of the Automation API that was configured in this process before."""
    pulumi.runtime.set_config("other:key", "value")
    try:
        before = process_state()
        seen: list[str | None] = []
        run(lambda: seen.append(pulumi.Config("other").get("key")), {})
        assert seen == [None]
        assert process_state() == before
    finally:
        sdk_config.CONFIG.get().pop("other:key")


def test_the_program_itself_does_not_change_its_process() -> None:
    """The collector, the log and the SDK's settings are those of the Pulumi language host."""
    found = [
        file.relative_to(CHECKOUT).as_posix()
        for file in [CHECKOUT / "__main__.py", *sorted((CHECKOUT / "components").rglob("*.py"))]
        if any(
            word in file.read_text()
            for word in ("import gc", "from gc", "atexit", "SETTINGS", "log.debug =", "sys.path", "os.environ")
        )
    ]
    assert found == []


def test_a_process_without_garbage_collector_exits_normally() -> None:
    program = (
        "import atexit, gc\natexit.register(print, 'bye')\nfrom program.short_lived import without_collector\n"
        f"{without_collector.__name__}()\nassert not gc.isenabled()\nraise SystemExit(3)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=CHECKOUT)
    assert (done.returncode, done.stdout, done.stderr) == (3, "bye\n", "")


def test_reading_a_stacks_configuration_does_not_import_the_sdk() -> None:
    """Most commands need only that, and the import takes longer than the rest of the command."""
    program = "import sys, program.evaluation as e\ne.stack_config(e.CHECKOUT, 'local')\nprint('pulumi' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=CHECKOUT)
    assert done.stdout == "False\n"
