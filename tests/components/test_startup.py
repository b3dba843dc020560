import asyncio
import subprocess
import sys
from collections.abc import Callable
from typing import Any, cast

import pulumi
import pytest
from pulumi.runtime import rpc_manager
from pulumi.runtime.settings import SETTINGS
from recording import run

from components import startup

LENGTH = 40


class Link(pulumi.CustomResource):
    """Depends on the one before it, so that outputs resolve one after the other."""

    def __init__(self, name: str, before: Any) -> None:
        super().__init__("test:index:Link", name, {"before": before, "value": None})


def chain(prepare: Callable[[], None] = lambda: None) -> None:
    cast(Any, SETTINGS).rpc_manager.rpcs.clear()  # the mocks' own: under the engine none has begun
    prepare()
    before: Any = "start"
    for number in range(LENGTH):
        before = Link(f"link{number}", before).urn.apply(lambda urn: urn.upper())


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many futures each of the SDK's waits was about."""
    sizes: list[int] = []
    wait = asyncio.wait

    def counting(futures: Any, **options: Any) -> Any:
        sizes.append(len(futures))
        return wait(futures, **options)

    monkeypatch.setattr(asyncio, "wait", counting)
    return sizes


def waited(program: Callable[[], None], waits: list[int]) -> int:
    waits.clear()
    assert len(run(program, {}).of("test:index:Link")) == LENGTH
    return sum(waits)


def test_the_wait_for_outputs_is_not_quadratic(waits: list[int]) -> None:
    before = waited(chain, waits)
    assert before > 0
    assert waited(lambda: chain(prepare=startup.prepare), waits) < before / 10


def test_the_sdk_tells_the_engine_nothing_that_it_does_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    run(startup.prepare, {})
    sent: list[Any] = []
    monkeypatch.setattr(pulumi.log, "_log", lambda *message: sent.append(message))
    monkeypatch.setattr(pulumi.log, "get_engine", lambda: object())
    rpc_manager.log.debug("beginning rpc")
    pulumi.log.info("shown")
    assert [message[2] for message in sent] == ["shown"]


def test_what_a_program_raises_is_still_raised() -> None:
    def failing() -> None:
        startup.prepare()
        raise ValueError("wrong setting")

    with pytest.raises(ValueError, match="wrong setting"):
        run(failing, {})


def test_a_prepared_process_ends_as_any_other() -> None:
    program = (
        "import atexit\natexit.register(print, 'bye')\nfrom components import startup\nstartup.prepare()\nraise SystemExit(3)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (3, "bye\n", "")
