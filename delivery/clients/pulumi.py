"""The Pulumi engine for one stack. An update runs only while this process holds the lease, the lock of the environment.

The Pulumi CLI runs the engine. The CLI gets a copy of the stack file outside the checkout, because the CLI can change the file.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, cast

from delivery.clients._supervisor import OUT_OF_TIME
from delivery.clients.engine_events import EngineStep, EngineViolation, UpdateResult
from delivery.clients.environment import Environment
from delivery.clients.work_folder import work_folder, write
from delivery.errors import DeliveryError, LeaseLostError, UsageError
from program.checkout import CHECKOUT

POLICIES = "policies"
GRACE_SECONDS = 15.0
"""Time for an interrupted engine to finish its current operations and write its state, before it is killed."""
FEED_SECONDS = 0.2
"""Seconds between two checks of the lease and of the engine's events."""
WITHOUT_LEASE_SECONDS = 60.0
"""How long a preview, which needs no lease, continues if this process stops writing to the supervisor (``_supervisor.py``)."""
LAST_LINES = 15
LONGEST_DIAGNOSTIC = 400
BACKEND_FIX = "check PULUMI_BACKEND_URL and your AWS credentials; the engine's message is above"
SHOWN_VIOLATIONS = 5
NO_SECRETS_PROVIDER = "passphrase must be set"


class EngineError(DeliveryError):
    """An operation of the engine failed, or could not be started."""


Watcher = Callable[[EngineStep | EngineViolation], None]
"""Called for every step and every violation of a policy that the engine reports."""
TimeLeft = Callable[[], float]
"""Returns the seconds that are left of the lease."""


def _ignore(_: EngineStep | EngineViolation) -> None:
    pass


class Engine:
    """The engine for the stack of one environment."""

    def __init__(self, environment: Environment, *, checkout: Path = CHECKOUT, folder: Path | None = None) -> None:
        """``folder`` is for the stack file and the engine's output. The folder is not deleted."""
        self.environment = environment.name
        self.checkout = checkout
        self.folder = folder or work_folder(environment.name, checkout)
        self._variables = environment.variables

    def preview(self, stack_file: str, *, watch: Watcher = _ignore, plan: Path | None = None) -> UpdateResult:
        """The changes that an update would make, and the policy violations.

        Raises ``EngineError`` if the preview fails or a mandatory policy is violated. ``plan`` is the file to which the plan for an
        update is written.
        """
        return self._run("preview", stack_file, None, watch, [] if plan is None else ["--save-plan", str(plan)])

    def up(self, stack_file: str, remaining: TimeLeft, *, watch: Watcher = _ignore, plan: Path | None = None) -> UpdateResult:
        """Apply the program and check the policies. ``remaining`` returns the time that is left of the lease.

        Raises ``EngineError`` if the update fails or a mandatory policy is violated. If the lease is not renewed, the engine is
        stopped before the lease expires, and ``LeaseLostError`` is raised. With ``plan``, a file that :meth:`preview` wrote, the
        engine makes only the changes in the plan.
        """
        return self._run("up", stack_file, remaining, watch, [] if plan is None else ["--plan", str(plan)])

    def export(self) -> str:
        """The state as ``pulumi stack export`` prints it, with encrypted secrets."""
        done = self._query("stack", "export")
        if done.returncode:
            raise EngineError(f"the state of {self.environment} cannot be exported: {_last_lines(done.stderr)}", BACKEND_FIX)
        return done.stdout

    def decrypts(self, stack_file: str) -> bool:
        """Whether the key in ``stack_file`` decrypts the secrets in ``stack_file``. The decrypted values are discarded."""
        file = self._written(stack_file)
        command = [*self._command("config"), "--show-secrets", "--json", "--config-file", str(file)]
        quiet = subprocess.DEVNULL
        done = subprocess.run(command, cwd=self.checkout, env=self._variables, stdout=quiet, stderr=quiet, check=False)
        return done.returncode == 0

    def preview_refresh(self, *, seconds: float) -> str:
        """The changes that a refresh would find, as the engine's JSON. Neither the state nor the cloud is changed."""
        try:
            done = self._query("refresh", "--preview-only", "--json", seconds=seconds)
        except subprocess.TimeoutExpired as error:
            raise EngineError(
                f"the resources of stack {self.environment} were not read within {seconds:g} s",
                "check which API does not answer: AWS, or the cluster's API server",
            ) from error
        if done.returncode:
            problem = _diagnostics(done.stdout) or _last_lines(done.stderr)
            fix = "run `make up`" if self.environment == "local" else "log in to the state's backend and to AWS"
            raise self._explained(f"the engine cannot read stack {self.environment}", problem, fix)
        return done.stdout

    def _query(self, *verb: str, seconds: float | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._command(*verb),
            cwd=self.checkout,
            env=self._variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )

    def _run(
        self,
        verb: Literal["preview", "up"],
        stack_file: str,
        remaining: TimeLeft | None,
        watch: Watcher,
        options: Sequence[str],
    ) -> UpdateResult:
        config, events = self._written(stack_file, f"{verb}.events"), self.folder / f"{verb}.events"
        command = [
            *self._command(verb),
            *("--cwd", str(self.checkout)),
            *("--config-file", str(config)),
            *("--policy-pack", str(self.checkout / POLICIES)),
            *("--event-log", str(events)),
            *(("--yes", "--skip-preview") if verb == "up" else ("--diff",)),
            *options,
        ]
        outcome = UpdateResult()

        def follow(new: Iterator[Mapping[str, Any]]) -> None:
            for event in new:
                if (found := outcome.take(event)) is not None:
                    watch(found)

        tail = Tail(events)
        try:
            self._supervised(command, remaining, lambda: follow(tail.read()))
        except EngineError as error:
            follow(tail.read())
            raise self._failed(verb, outcome, error) from error
        finally:
            events.unlink(missing_ok=True)
        return outcome

    def _written(self, stack_file: str, *empty: str) -> Path:
        """Write the stack file to the engine's folder, and return the path of the new file.

        ``empty`` are names of files that are created without content. Only this user can read them.
        """
        config = self.folder / f"Pulumi.{self.environment}.yaml"
        try:
            write(config, stack_file)
            for name in empty:
                (self.folder / name).unlink(missing_ok=True)
                (self.folder / name).touch(mode=0o600)
        except OSError as error:
            raise EngineError(
                f"{self.folder} cannot be written: {error.strerror or error}",
                "free disk space, or name another folder in DWCP_WORK_DIR",
            ) from error
        return config

    def _failed(self, verb: str, outcome: UpdateResult, error: EngineError) -> EngineError:
        mandatory = [each for each in outcome.violations if each.level == "mandatory"]
        if mandatory:
            lines = [f"{each.policy} on {each.urn.rpartition('::')[2]}: {each.message}" for each in mandatory]
            more = [f"and {len(lines) - SHOWN_VIOLATIONS} more"] if len(lines) > SHOWN_VIOLATIONS else []
            listed = "\n  ".join([*lines[:SHOWN_VIOLATIONS], *more])
            return EngineError(
                f"policies forbid the {verb} of {self.environment}:\n  {listed}", "change the program or its settings"
            )
        errors = "; ".join(dict.fromkeys(outcome.errors)) or error.problem
        return self._explained(f"the {verb} of {self.environment} failed", errors, "fix the error and run the command again")

    def _explained(self, failure: str, problem: str, fix: str) -> EngineError:
        """The error for the engine's ``problem``. A request for a passphrase means that the stack file has no secrets provider."""
        if NO_SECRETS_PROVIDER not in problem:
            return EngineError(f"{failure}: {problem}", fix)
        file = f"Pulumi.{self.environment}.yaml"
        return EngineError(
            f"{failure}: {file} does not contain the key of the stack's secrets",
            f"use the file in which `pulumi stack init` has written `secretsprovider` and `encryptedkey`: commit it as {file}",
        )

    def _supervised(self, command: Sequence[str], remaining: TimeLeft | None, look: Callable[[], None] = lambda: None) -> None:
        """Run the CLI under the supervisor. Repeatedly send the lease's remaining time to the supervisor, and call ``look``."""
        self.folder.mkdir(parents=True, exist_ok=True)
        log = self.folder / "engine.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "delivery.clients._supervisor", str(GRACE_SECONDS), *command],
                cwd=CHECKOUT,  # of the supervisor; the engine runs in `checkout`, whose modules the program and the policies import
                # The CLI accepts its option `--event-log` only with this variable, which Pulumi's Automation API sets too.
                env={**self._variables, "PULUMI_DEBUG_COMMANDS": "true", "PYTHONPATH": str(self.checkout)},
                stdin=subprocess.PIPE,
                bufsize=0,  # a buffer would keep a number that cannot be written any more, and its `close` would raise an error
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches only this process, which then interrupts the engine
            )
        assert process.stdin is not None
        try:
            while process.poll() is None:
                left = WITHOUT_LEASE_SECONDS if remaining is None else remaining() - GRACE_SECONDS
                with contextlib.suppress(BrokenPipeError):
                    process.stdin.write(f"{max(left, 0):.1f}\n".encode())
                look()
                try:
                    process.wait(FEED_SECONDS)
                except subprocess.TimeoutExpired:
                    continue
        finally:
            process.stdin.close()  # the supervisor then ends the engine, even if this method raised an exception
            process.wait()
        look()
        if process.returncode == OUT_OF_TIME and remaining is None:
            raise EngineError("the engine was stopped because this process was suspended", "run the command again")
        if process.returncode == OUT_OF_TIME:
            raise LeaseLostError(
                f"the engine was stopped because the lease of {self.environment} was not renewed in time",
                f"check the state: dwcp state verify --environment {self.environment}; then run the command again",
            )
        if process.returncode:
            raise EngineError(_last_lines(log.read_text(errors="replace")), BACKEND_FIX)

    def _command(self, *verb: str) -> list[str]:
        return [executable(self._variables), *verb, "--stack", self.environment, "--non-interactive", "--color", "never"]


class Tail:
    """Reads the lines that were added to a file of JSON lines since the last read."""

    def __init__(self, path: Path) -> None:
        """Start at the beginning of ``path``."""
        self.path = path
        self.offset = 0

    def read(self) -> Iterator[Mapping[str, Any]]:
        """The new lines, parsed. A line that is still incomplete is left for the next call."""
        with self.path.open("rb") as file:
            file.seek(self.offset)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self.offset += len(line)
                yield json.loads(line)


def executable(variables: Mapping[str, str]) -> str:
    """The pulumi command on the PATH in ``variables``. Raises ``UsageError`` if there is none."""
    found = shutil.which("pulumi", path=variables.get("PATH"))
    if found is None:
        raise UsageError("the pulumi command is not on PATH", "install the Pulumi CLI, or run `make up` for the sandbox")
    return found


def _last_lines(text: str) -> str:
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    return "\n".join(lines[-LAST_LINES:]) or "the engine printed nothing"


def _diagnostics(output: str) -> str:
    """The errors in the engine's JSON, or an empty string. With ``--json``, the engine prints no errors on standard error."""
    try:
        found = cast("list[dict[str, Any]]", json.loads(output).get("diagnostics") or [])
    except (ValueError, AttributeError):
        return ""
    lines = [str(each.get("message", "")).strip() for each in found if each.get("severity") == "error"]
    return " ".join(filter(None, lines))[:LONGEST_DIAGNOSTIC]
