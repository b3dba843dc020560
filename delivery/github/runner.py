"""Runs a job of the pipelines on this machine: the unchanged commands of its ``run:`` steps, and substitutes for its actions.

An action without a substitute is checked or skipped.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from delivery.clients import git
from delivery.errors import DeliveryError, UsageError
from delivery.github import _job_services
from delivery.github.expressions import Contexts, condition, fill
from delivery.github.workflow import Job

Say = Callable[[str], None]

Substitute = Callable[[Mapping[str, str], dict[str, str]], Mapping[str, str]]
"""The substitute for an action. It gets the action's inputs and the job's environment variables, and returns the outputs.

The substitute may change the environment variables. It raises ``DeliveryError`` if the step fails.
"""

DEFAULT_MINUTES = 360
"""GitHub's default timeout of a job. The runner applies it to each step without a timeout."""

SHELLS: dict[str | None, list[str]] = {None: ["bash", "-e"], "bash": ["bash", "--noprofile", "--norc", "-eo", "pipefail"]}
"""GitHub's command lines by shell. Only an explicit ``shell: bash`` sets ``pipefail`` (GitHub: Workflow syntax)."""


@dataclass(kw_only=True)
class Result:
    """The result of a job: the failed steps, the steps that only GitHub can run, and the outputs."""

    failed: list[str] = field(default_factory=list[str])
    skipped: list[str] = field(default_factory=list[str])
    outputs: dict[str, str] = field(default_factory=dict[str, str])


def github(root: Path) -> dict[str, Any]:
    """The ``github`` context for a push of the checked-out commit."""
    branch = git.text(root, "branch", "--show-current") or "main"
    return {
        "sha": git.text(root, "rev-parse", "HEAD") or "0" * 40,
        "ref": f"refs/heads/{branch}",
        "ref_name": branch,
        "ref_type": "branch",
        "event_name": "push",
        "repository": "novacron/novacron",
        "repository_owner": "novacron",
        "actor": os.environ.get("USER", "local"),
        "run_id": "0",
        "run_attempt": "1",
        "workspace": str(root),
        "event": {},
    }


class Runner:
    """Runs one job in ``root``. ``inputs`` and ``needs`` are the contexts with these names.

    ``context`` replaces values of the ``github`` context, which is otherwise that of a push of the checked-out commit.
    ``variables`` are the GitHub variables of the repository and the environment, by default the variables of this process.
    ``actions`` maps names of actions (``docker/login-action``) to substitutes. For some actions without a substitute, the runner
    checks the prerequisites. It skips the other actions.
    """

    def __init__(
        self,
        job: Job,
        root: Path,
        say: Say,
        *,
        needs: Mapping[str, Any] | None = None,
        inputs: Mapping[str, Any] | None = None,
        context: Mapping[str, Any] | None = None,
        variables: Mapping[str, str] | None = None,
        actions: Mapping[str, Substitute] | None = None,
    ) -> None:
        self._job = job
        self._root = root
        self._say = say
        self._needs = needs or {}
        self._inputs = inputs or {}
        self._github = {**github(root), **(context or {})}
        self._variables = dict(os.environ) if variables is None else variables
        self._actions = actions or {}

    def run(self, matrix: Mapping[str, Any]) -> Result:
        """Run the steps of the job for one variant of its matrix.

        After a failure, only steps with a status function in their ``if:``, for example ``always()``, can run.
        """
        if called := self._job.called_workflow:
            raise UsageError(
                f"the job {self._job.name} runs the workflow {called}", f"run a job of that workflow: dwcp ci {called}/JOB"
            )
        result = Result()
        steps: dict[str, Any] = {}
        with TemporaryDirectory(prefix="dwcp-ci-") as scratch, _job_services.started(self._job, self._say) as addresses:
            env = self._texts({**self._job.env, **self._job.content.get("env", {})}, self._contexts(matrix, {}, steps, result))
            for index, step in enumerate(self._job.steps):
                contexts = self._contexts(matrix, env, steps, result)
                name = fill(step.get("name") or step.get("run", step.get("uses")), contexts).splitlines()[0]
                if not condition(step.get("if"), contexts):
                    self._say(f"- {name}: skipped by its condition")
                    steps[step.get("id", f"_{index}")] = {"outputs": {}, "outcome": "skipped"}
                    continue
                outputs, ok = self._step(step, name, contexts, env, Path(scratch) / str(index), addresses, result)
                steps[step.get("id", f"_{index}")] = {"outputs": outputs, "outcome": "success" if ok else "failure"}
                if not ok and not step.get("continue-on-error"):
                    result.failed.append(name)
            contexts = self._contexts(matrix, env, steps, result)
            result.outputs = self._texts(self._job.content.get("outputs", {}), contexts)
        return result

    def _contexts(self, matrix: Mapping[str, Any], env: Mapping[str, str], steps: Mapping[str, Any], result: Result) -> Contexts:
        values = {
            "github": self._github,
            "matrix": matrix,
            "env": {**os.environ, **env},
            "steps": steps,
            "needs": self._needs,
            "inputs": self._inputs,
            "vars": self._variables,
            "secrets": {},
            "runner": {"temp": os.environ.get("TMPDIR", "/tmp"), "os": "Linux"},
        }
        return Contexts(values=values, failed=bool(result.failed))

    def _step(
        self,
        step: Mapping[str, Any],
        name: str,
        contexts: Contexts,
        env: dict[str, str],
        scratch: Path,
        addresses: Mapping[str, str],
        result: Result,
    ) -> tuple[dict[str, str], bool]:
        if "uses" in step:
            return self._action(step, name, contexts, env, result)
        scratch.mkdir()
        files = {key: scratch / key for key in ("GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_STEP_SUMMARY", "GITHUB_PATH")}
        for file in files.values():
            file.touch()
        given = self._texts(step.get("env", {}), contexts)
        environment = {
            **default_variables(self._github),
            **os.environ,
            "CI": "true",
            **env,
            **given,
            **{key: str(file) for key, file in files.items()},
        }
        for old, new in addresses.items():
            environment = {key: value.replace(old, new) for key, value in environment.items()}
        script = fill(step["run"], contexts)
        self._say(f"> {name}")
        started = time.monotonic()
        ok = self._execute(script, self._folder(step, contexts), environment, step)
        self._say(f"  {'done' if ok else 'failed'} after {time.monotonic() - started:.1f} s")
        env.update(_assignments(files["GITHUB_ENV"].read_text()))
        if summary := files["GITHUB_STEP_SUMMARY"].read_text():
            self._say(summary)
        return _assignments(files["GITHUB_OUTPUT"].read_text()), ok

    def _execute(self, script: str, folder: Path, environment: Mapping[str, str], step: Mapping[str, Any]) -> bool:
        seconds = float(step.get("timeout-minutes", DEFAULT_MINUTES)) * 60
        shell = step.get("shell", self._job.shell)
        if shell not in SHELLS:
            raise DeliveryError(f"the shell {shell!r} is not supported", f"choose from {', '.join(filter(None, SHELLS))}")
        command = [*SHELLS[shell], "-c", script]
        try:
            return subprocess.run(command, cwd=folder, env=environment, check=False, timeout=seconds).returncode == 0
        except subprocess.TimeoutExpired:
            self._say(f"  timeout after {seconds:.0f} s")
            return False

    def _folder(self, step: Mapping[str, Any], contexts: Contexts) -> Path:
        return self._root / fill(step.get("working-directory", self._job.defaults.get("working-directory", ".")), contexts)

    def _texts(self, values: Mapping[str, Any], contexts: Contexts) -> dict[str, str]:
        return {key: fill(value, contexts) for key, value in values.items()}

    def _action(
        self, step: Mapping[str, Any], name: str, contexts: Contexts, env: dict[str, str], result: Result
    ) -> tuple[dict[str, str], bool]:
        """Run the substitute for an action."""
        action = str(step["uses"]).split("@")[0]
        given = self._texts(step.get("with", {}), contexts)
        if action not in self._actions:
            return {}, self._without_substitute(action, given, name, result)
        try:
            outputs = self._actions[action](given, env)
        except DeliveryError as error:
            self._say(f"- {name}: {error}")
            return {}, False
        self._say(f"- {name}: a substitute for {action}")
        return dict(outputs), True

    def _without_substitute(self, action: str, given: Mapping[str, str], name: str, result: Result) -> bool:
        """Whether an action without a substitute would succeed on GitHub. An action that cannot be checked here is skipped.

        The files of an upload must exist, unless its input ``if-no-files-found`` is ``warn``. On GitHub, ``warn`` is the default.
        """
        if action in ("actions/checkout", "actions/setup-python", "actions/cache"):
            return True
        if action == "actions/setup-node":
            found = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout.strip()
            wanted = given.get("node-version", "")
            fits = found.removeprefix("v").split(".")[0] == wanted.split(".")[0]
            self._say(f"- node {found} of this machine" + ("" if fits else f"; on GitHub the job uses version {wanted}"))
            return True
        if action in ("actions/upload-artifact", "codecov/codecov-action"):
            missing = [
                path for path in re.split(r"[\n,]", given.get("path", given.get("files", ""))) if path and not self._any(path)
            ]
            self._say(f"- {name}: " + (f"missing {', '.join(missing)}" if missing else "ready for upload"))
            # If a step was skipped because it runs only on GitHub, a missing file is not a failure. The step could have written it.
            return not missing or bool(result.skipped) or given.get("if-no-files-found") == "warn"
        self._say(f"- {name}: {action} runs on GitHub only")
        result.skipped.append(name)
        return True

    def _any(self, pattern: str) -> bool:
        return any(True for _ in self._root.glob(pattern.strip().removeprefix("./").rstrip("/")))


def default_variables(context: Mapping[str, Any]) -> dict[str, str]:
    """The variables that GitHub sets for every command, from the ``github`` context.

    Source: https://docs.github.com/en/actions/reference/workflows-and-actions/variables
    """
    return {f"GITHUB_{name.upper()}": value for name, value in context.items() if isinstance(value, str) and name != "token"}


def _assignments(text: str) -> dict[str, str]:
    """The values that a step wrote for later steps, as ``name=value`` lines and ``name<<END`` blocks."""
    found: dict[str, str] = {}
    lines = iter(text.splitlines())
    for line in lines:
        if match := re.fullmatch(r"([\w-]+)<<(\S+)", line):
            block: list[str] = []
            for inner in lines:
                if inner == match[2]:
                    break
                block.append(inner)
            found[match[1]] = "\n".join(block)
        elif "=" in line:
            name, value = line.split("=", 1)
            found[name] = value
    return found
