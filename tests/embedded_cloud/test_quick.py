"""The parts that the interpreter of a program skips, compared with the installed SDK."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from typing import Any, cast

import pulumi
import pytest
from pulumi.runtime import resource, rpc_manager
from pulumi.runtime.settings import SETTINGS
from recording import run

from embedded_cloud.language_host import quick

LENGTH = 40


class Link(pulumi.CustomResource):
    """Each depends on the one before, so that outputs resolve one after the other."""

    def __init__(self, name: str, before: Any) -> None:
        super().__init__("test:index:Link", name, {"before": before, "value": None})


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Connects the SDK to an engine as its program runner does, after `run_with_engine`; the SDK is as before afterwards."""
    monkeypatch.setattr(pulumi.log, "debug", pulumi.log.debug)
    monkeypatch.setattr(resource, "_get_stack_trace", resource._get_stack_trace)
    monkeypatch.setattr(pulumi.runtime, "configure", lambda settings: None)  # the mocks have connected it already

    def connect(*, debug: bool = False) -> None:
        quick.run_with_engine(debug=debug)
        pulumi.runtime.configure(cast(Any, None))

    return connect


def chain(prepare: Callable[[], None] = lambda: None) -> None:
    cast(Any, SETTINGS).rpc_manager.rpcs.clear()  # the mocks' own: under the engine none has begun
    prepare()
    before: Any = "start"
    for number in range(LENGTH):
        before = Link(f"link{number}", before).urn.apply(lambda urn: urn.upper())


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of futures in each of the SDK's waits."""
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


def test_the_wait_for_outputs_is_not_quadratic(waits: list[int], connect: Callable[..., None]) -> None:
    before = waited(chain, waits)
    assert before > 0
    assert waited(lambda: chain(prepare=connect), waits) < before / 10


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The messages that the SDK sends to the engine."""
    sent: list[str] = []
    monkeypatch.setattr(pulumi.log, "_log", lambda engine, level, message, *_: sent.append(message))
    monkeypatch.setattr(pulumi.log, "get_engine", lambda: object())
    return sent


@pytest.mark.parametrize(("debug", "shown"), [(False, ["shown"]), (True, ["beginning rpc", "shown"])])
def test_the_sdks_debug_messages_reach_the_engine_only_if_it_shows_them(
    debug: bool, shown: list[str], connect: Callable[..., None], sent: list[str]
) -> None:
    run(lambda: connect(debug=debug), {})
    sent.clear()
    rpc_manager.log.debug("beginning rpc")
    pulumi.log.info("shown")
    assert sent == shown


def test_the_stack_trace_of_a_resource_has_only_the_line_that_declares_it(connect: Callable[..., None]) -> None:
    traces: list[Any] = []

    def program() -> None:
        connect()
        trace = resource._get_stack_trace

        def kept() -> Any:
            traces.append(trace())
            return traces[-1]

        resource._get_stack_trace = kept
        Link("declared", "start")

    run(program, {})
    [frame] = traces[-1].frames
    assert frame.pc.uri.endswith("test_quick.py")


@pytest.mark.parametrize(
    ("arguments", "debugging"),
    [
        ("up --yes --stack local", False),
        ("up --debug", True),
        ("up -d", True),
        ("preview -yd", True),
        ("up --diff --stack debug", False),
        ("--debug=true up", True),
    ],
)
def test_the_clis_flag_says_whether_it_shows_debug_messages(arguments: str, debugging: bool) -> None:
    assert quick.is_debugging(["/d/pulumi", *arguments.split()]) is debugging


def test_what_a_program_raises_is_still_raised(connect: Callable[..., None]) -> None:
    def failing() -> None:
        connect()
        raise ValueError("wrong setting")

    with pytest.raises(ValueError, match="wrong setting"):
        run(failing, {})


def test_a_quick_process_ends_as_any_other() -> None:
    program = (
        "import atexit\natexit.register(print, 'bye')\nfrom embedded_cloud.language_host import quick\n"
        "quick.collect_nothing()\nraise SystemExit(3)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (3, "bye\n", "")
