"""``pulumi up`` on the embedded cloud, with its progress: how many of all resources are finished, and the remaining time."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from embedded_cloud.cloud import Cloud
from program.evaluation import evaluate
from program.graph import Graph
from sandbox.errors import SandboxError

LOOK_SECONDS = 0.2
SECONDS_BETWEEN_LINES = 5.0
"""The interval of progress lines if the output is not a terminal."""
LAST_LINES = 30
OF_THE_ENGINE = ("pulumi:pulumi:", "pulumi:providers:pulumi")
"""Prefixes of types that the progress does not count: the stack, and stack references with their provider."""
INTERRUPTED = 130
"""The exit code of a command that Ctrl-C has ended. As in POSIX shells, it is 128 plus the signal's number."""


class Expected:
    """Counts the resources that the program declares. ``count`` is 0 until a thread has evaluated the program."""

    def __init__(self, stack: str) -> None:
        """Start to count the resources of ``stack``."""
        self.count = 0
        self._thread = threading.Thread(target=self._evaluate, args=(stack,), daemon=True)
        self._thread.start()

    def _evaluate(self, stack: str) -> None:
        found = evaluate([stack])[stack]
        if isinstance(found, Graph):  # if the program fails, the engine reports the error
            self.count = len(found.resources)


def apply(cloud: Cloud, console: Console, expected: Expected, options: Sequence[str] = ()) -> None:
    """Apply the program with the policies. A failure raises ``SandboxError`` with the last lines of the engine's output."""
    log, events = cloud.folder / "logs" / "up.log", cloud.folder / "up.events"
    events.unlink(missing_ok=True)
    events.touch()
    command = [
        *(cloud.engine.bin / "pulumi", "up", "--yes", "--skip-preview", "--policy-pack", "policies"),
        *("--stack", cloud.project.stack, "--non-interactive", "--color", "never", "--event-log", events),
        *options,
    ]
    environment = cloud.engine.process_environment() | {"PULUMI_DEBUG_COMMANDS": "true"}  # needed for --event-log
    with log.open("wb") as output, _Shown(console, expected) as shown:
        process = subprocess.Popen(
            command,
            cwd=cloud.project.directory,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            # In its own session, the engine gets only the SIGINT below, and not that of Ctrl-C. After two, it would stop at once.
            start_new_session=True,
        )
        try:
            _follow(process, events, shown)
        except KeyboardInterrupt:
            console.print("stopping: the engine finishes its running operations (press Ctrl-C again to kill it)")
            process.send_signal(signal.SIGINT)
            process.wait()
            raise
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            events.unlink(missing_ok=True)
    if process.returncode:
        lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
        raise SandboxError(
            "the platform could not be applied:\n" + "\n".join(lines[-LAST_LINES:]),
            f"fix the problem above and {cloud.project.instructions.up} again, which continues where it failed; log: {log}",
        )


def _follow(process: subprocess.Popen[bytes], events: Path, shown: _Shown) -> None:
    with events.open("rb") as file:
        while True:
            ended = process.poll() is not None
            for event in _new(file):
                shown.take(event)
            shown.look()
            if ended:
                return
            time.sleep(LOOK_SECONDS)


def _new(file: Any) -> Iterator[dict[str, Any]]:
    """The new events in the log. An incomplete line is left for the next call."""
    while line := file.readline():
        if not line.endswith(b"\n"):
            file.seek(-len(line), 1)
            return
        yield json.loads(line)


class _Shown:
    """The display of the progress: live on a terminal, otherwise one line at an interval."""

    def __init__(self, console: Console, expected: Expected) -> None:
        self.console = console
        self.expected = expected
        self.done: set[str] = set()
        self.started = self.printed = time.monotonic()
        self.bar = Progress(
            TextColumn("applying the platform"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("resources,"),
            TimeElapsedColumn(),
            TextColumn("so far,"),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self.task = self.bar.add_task("", total=None)

    def __enter__(self) -> _Shown:
        self.console.print("applying the platform: `pulumi up` with the policies, as on AWS")
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()
        self.console.print(f"{len(self.done)} resources in {time.monotonic() - self.started:.0f} s")

    def take(self, event: dict[str, Any]) -> None:
        """Count finished resources; print errors, warnings and violations of policies."""
        match event:
            case {"resOutputsEvent": {"metadata": {"urn": urn, "type": type_}}}:
                if not type_.startswith(OF_THE_ENGINE):
                    self.done.add(urn)
            case {"policyEvent": {"policyName": policy, "enforcementLevel": level, "message": message, **more}}:
                on = f" on {more['resourceUrn'].rpartition('::')[2]}" if "resourceUrn" in more else ""
                self._print(f"policy {policy} ({level}){on}: {str(message).strip()}")
            case {"diagnosticEvent": {"ephemeral": True}}:
                pass  # a temporary message, which a terminal shows and then erases
            case {"diagnosticEvent": {"severity": "error" | "warning" as severity, "message": message}}:
                self._print(f"{severity}: {str(message).strip()}")
            case _:
                pass

    def _print(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def look(self) -> None:
        """Show the progress."""
        total, done = max(self.expected.count, len(self.done)), len(self.done)
        self.bar.update(self.task, completed=done, total=total if self.expected.count else None)
        now = time.monotonic()
        if not self.console.is_terminal and now - self.printed >= SECONDS_BETWEEN_LINES:
            self.printed = now
            known = self.expected.count and total / 10 <= done < total  # too few resources give a poor estimate
            left = f", about {(total - done) * (now - self.started) / done:.0f} s left" if known else ""
            of = f"{done} of {total}" if self.expected.count else str(done)
            self.console.print(f"  {of} resources{left}", highlight=False)
