"""``dwcp deploy``: checks, backs up, previews and updates an environment, verifies the service, and reports the release.

If a step before the update fails, the platform was not changed. If the update or a later step fails, the deployment is rolled back.
There is no rollback if ``--no-rollback`` is given, if nothing ran before the deployment, or if the lease (the right to change the
environment) was lost.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from components.settings import EnvironmentSettings
from contract import DEPLOYMENTS
from delivery.clients.checkpoint import Checkpoint, States, unfinished, workload
from delivery.clients.engine_events import EngineStep, EngineViolation
from delivery.clients.environment import Environment, UnreachableError
from delivery.clients.images import digest_of
from delivery.clients.pulumi import Engine
from delivery.clients.service import END_TO_END_VARIABLE, ServiceClient
from delivery.clients.tracks import service_container
from delivery.confirmation import command_line, require_confirmation
from delivery.errors import DeliveryError, LeaseLostError, problem_of
from delivery.releases import (
    Release,
    Releases,
    Result,
    backup_files,
    configuration,
    manifests,
    new_id,
    request,
    restore,
    running_now,
    stack_file,
)
from delivery.releases._metrics import verify
from delivery.releases._recording import applied, finish, only_warns, valid_state
from delivery.releases.request import DeployRequest
from delivery.releases.settings import Leaves, SettingsChange, digest, leaves_of, never_smaller
from delivery.releases.steps import Skipped, Step, StepRunner
from delivery.rollout.journal import Journal
from delivery.state.backups import Backups
from delivery.state.history import last_update
from delivery.state.lease import Lease
from delivery.state.owner import Owner
from program.pod_images import images_in

TESTS_VARIABLE = "DWCP_TEST_COMMAND"
TESTS = f"{shlex.quote(sys.executable)} -m pytest -q -x -n auto -m 'not (cloud or docker or pipelines)'"
"""The default test command: the program's fast tests. ``--tests`` or ``DWCP_TEST_COMMAND`` names another, such as the service's."""


class DeployError(DeliveryError):
    """A deployment failed or cannot begin. If the platform was changed, the message names the running image."""


@dataclass
class Deployment:
    """One run of ``dwcp deploy``."""

    options: DeployRequest
    runner: StepRunner
    environment: Environment = field(init=False)
    states: States = field(init=False)
    image: str | None = field(init=False, default=None)
    mode: Literal["direct", "staged"] = field(init=False, default="direct")
    release: Release = field(init=False)
    lease: Lease = field(init=False)
    file: str = field(init=False)
    """The text of the checkout's stack file, without the setting ``application.release``."""
    before: Leaves = field(init=False)
    """The settings of the stack before this deployment."""
    former: restore.Former = field(init=False)
    evaluation: Future[list[dict[str, Any]]] | None = field(init=False, default=None)
    addresses: list[str] = field(init=False, default_factory=list[str])

    def run(self) -> Release:
        """Deploy, or with ``dry_run`` print the plan. Raises ``DeliveryError`` if the deployment fails."""
        checks = Step(name="pre-deployment checks", detail="every error that can be found before a change", run=self._check)
        self.runner.run([checks])
        if self.options.dry_run:
            running = self.states.read().output("application", "image")
            self.runner.say(f"plan for {self.environment.name}: {running or 'nothing'} -> {self.release.image} ({self.mode})")
            self.runner.show(self.steps(ExitStack()))
            if self.options.no_rollback:
                reaction = "keep the new release (--no-rollback)"
            else:
                reaction = "roll back to the present release" if running else "no rollback, because nothing runs now"
            names = ", ".join(each.name for each in self.steps(ExitStack()) if each.rolls_back)
            self.runner.say(f"  if one of these steps fails ({names}): {reaction}")
            self.runner.say("nothing was changed")
            return self.release
        require_confirmation(self.environment, what=f"deploy {self._what()}", yes=self.options.yes)
        with ExitStack() as stack:
            try:
                self.runner.run(self.steps(stack))
            except (Exception, KeyboardInterrupt) as error:
                failed = self.runner.latest
                # After the lease was lost, another command can own the environment. Then this command must not roll back.
                if failed is None or not failed.rolls_back or isinstance(error, LeaseLostError):
                    self._end("failed", error)
                    if isinstance(error, KeyboardInterrupt):
                        self.runner.say("interrupted before the update: nothing was deployed")
                    raise
                raise self._roll_back(error) from error
            self._end("staged" if self.stages else "deployed")
        return self.release

    def steps(self, stack: ExitStack) -> list[Step]:
        """The steps in order. When ``stack`` is closed, it releases the lease that the step ``lease`` takes."""
        skipped = " (skipped)" if self.options.skip_tests else ""
        staged = f"the canary gets {self.image}, but no pods and no traffic"
        plan = f", only {self.options.plan}" if self.options.plan else ""
        return [
            Step(name="lease", detail="so that no other command changes the environment", run=lambda: self._take_lease(stack)),
            Step(name="state", detail="check that it is valid, current and unlocked, and that no rollout is open", run=self._state),
            Step(name="backup", detail="of the state and of the deployment", run=self._backup),
            Step(name="tests", detail=f"run the test command{skipped}", run=self._tests),
            Step(name="manifests, checked by the API server", detail="a dry run of each", run=self._validate, changes_nothing=True),
            Step(name="images", detail="check that each is in its registry", run=self._images, changes_nothing=True),
            Step(name="preview with policies", detail="by the engine", run=self._preview, changes_nothing=True),
            Step(name="update", detail=f"pulumi up, policies enforced{plan}", run=self._update, rolls_back=True),
            *([Step(name="stage at 0 %", detail=staged, run=self._stage, rolls_back=True)] if self.stages else []),
            Step(name="health checks", detail="of stable", run=lambda: self._service().require_health(), rolls_back=True),
            Step(name="smoke test", detail="of stable", run=lambda: self._service().require_smoke(), rolls_back=True),
            Step(name="end-to-end test", detail="if DWCP_E2E_COMMAND is set", run=self._end_to_end, rolls_back=True),
            Step(
                name="metrics verification",
                detail="the rollout's gates on stable",
                run=lambda: verify(self.environment),
                rolls_back=True,
            ),
        ]

    def _check(self) -> str:
        options = self.options
        self.environment = environment = Environment.open(options.environment)
        self.image = request.image_of(environment, options)
        request.require_plan(options)
        request.require_clean(environment, options)
        request.require_tools(environment)
        self.mode = environment.settings("environment", EnvironmentSettings).deployment
        who = environment.require_aws()
        self.environment.kubernetes.require_namespace()
        self.states = States(environment)
        self.release = self._planned(self.states.read())
        return f"{self._what()} to {environment.name} ({self.mode}) as {who}"

    def _planned(self, present: Checkpoint) -> Release:
        at = datetime.now(UTC)
        text = stack_file.of_checkout(self.environment.name, self.options.checkout, self.environment.variables)
        self.file = stack_file.with_release(text, None)
        settings = leaves_of(stack_file.parsed(self.file)["config"])
        running = str(present.output("application", "image") or "")
        tag = self.options.tag or running.rpartition(":")[2] or "first"
        return Release(
            id=new_id(tag.partition("@")[0], at),
            environment=self.environment.name,
            command="deploy",
            image=self.image or running,
            tag=tag,
            commit=request.commit_of(self.options.checkout),
            replaced=running,
            settings=settings,
            config_hash=digest(settings),
            started=at,
            who=str(Owner.this()),
        )

    @property
    def stages(self) -> bool:
        """Whether the image waits at 0 % of the traffic for a rollout. Without a tag, only the program and its settings change."""
        return self.mode == "staged" and self.image is not None

    def _what(self) -> str:
        return self.image or "the program and its settings, with the image that runs now"

    def _applied(self) -> str:
        """The stack file that the engine applies. A staged release adds no image to the file, so stable keeps its present image."""
        return stack_file.with_release(self.file, None if self.mode == "staged" else self.image)

    def _take_lease(self, stack: ExitStack) -> str:
        taken = Lease.take(self.environment, command="deploy", wait_seconds=self.options.wait_seconds)
        self._declared()
        self.lease = stack.enter_context(taken)
        return f"fencing number {taken.fencing}"

    def _state(self) -> str:
        present = valid_state(self.environment, self.states, self.lease, self.runner.warn)
        for operation in unfinished(present):
            self.runner.warn(
                f"an earlier update was interrupted during this operation: {operation}; if the operation changes or deletes a "
                "resource, the next update repeats it; if it creates a resource, run `pulumi refresh`, which asks how to continue"
            )
        found = Journal(self.environment.kubernetes, self.environment.name).read()
        if found is not None and found.is_open:
            raise DeployError(
                f"a rollout of {found.plan.image} is open in {self.environment.name}",
                f"finish it: dwcp rollout --environment {self.environment.name}; or abort it: the same command with --abort",
            )
        return f"{len(present.resources)} resources, last updated {present.time}"

    def _backup(self) -> str:
        """Record the start of the deployment, and back up the state and the present deployment for a rollback."""
        last = last_update(self.states)
        self.before = leaves_of(last.config) or self.release.settings
        present, releases = self.states.read(), self._releases()
        latest = releases.latest() if releases else None
        begun: dict[str, Any] = {"fencing": self.lease.fencing, "previous": latest.id if latest else ""}
        begun |= {"replaced_program": last.commit}
        begun |= {"changed": SettingsChange.between(self.before, self.release.settings)}  # for the rollback of a killed deployment
        self.release = self.release.model_copy(update=begun)
        if releases:
            releases.begin(self.release)
        done = f"state: {Backups(self.states).take()}"
        self.former = self._former(latest, present)
        if self.former.manifests and releases:
            backup = (latest or self.release).model_copy(
                update={"manifests": list(self.former.manifests), "image": self.former.image, "settings": self.before}
            )
            done += f", deployment: {backup_files.save(releases, backup, self.release.timestamp, self.options.checkout)}"
        return done

    def _former(self, latest: Release | None, present: Checkpoint) -> restore.Former:
        """The deployment that a rollback restores: the image in the state, and the settings of the stack's last update.

        The rollback does not reduce a setting whose reduction would delete data, for example the size of a volume.
        """
        settings = never_smaller(self.before, self.release.settings)
        return restore.Former(
            name=latest.id if latest else "the previous deployment",
            image=str(present.output("application", "image") or ""),
            file=configuration.with_settings(self.file, settings),
            manifests=workload(present),
            program=self.release.replaced_program,
        )

    def _tests(self) -> str | Skipped:
        if self.options.skip_tests:
            return Skipped("--skip-tests")
        command = self.options.tests or os.environ.get(TESTS_VARIABLE) or TESTS
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=self.options.checkout,
            env=self.environment.variables,
            capture_output=True,
            text=True,
            check=False,
        )
        lines = (done.stdout + done.stderr).strip().splitlines()
        if done.returncode:
            raise DeployError(
                f"the tests failed (`{command}`): {' / '.join(lines[-3:])}",
                "fix the error that the tests report; nothing was changed",
            )
        return lines[-1] if lines else ""

    def _validate(self) -> str:
        return manifests.validate(self.environment.kubernetes, self._declared().result())

    def _images(self) -> str | Skipped:
        """Raise ``DeployError`` for a missing image, because pods would wait for the image until the update fails.

        The step is skipped if a registry refuses this user or does not answer, or if this machine has no Docker client with buildx,
        because the nodes may still get the image. It is also skipped for ``local``, which has no registry.
        """
        if self.environment.name == "local":
            return Skipped("the embedded cloud has no registry")
        declared = self._declared().result()
        images = images_in(declared)
        if self.release.image:  # an evaluation of a staged deployment has the image of the settings instead
            evaluated = {service_container(each["spec"]["template"])["image"] for each in declared if _is_track(each)}
            images = sorted(set(images) - evaluated | {self.release.image})
        try:
            absent = [image for image in images if digest_of(image) is None]
        except DeliveryError as error:
            return Skipped(error.problem)
        if absent:
            fix = "build and push them (docs/aws.md, The images), or correct their settings; nothing was changed"
            raise DeployError(f"not found in their registries: {', '.join(absent)}", fix)
        return f"{len(images)} images are in their registries"

    def _declared(self) -> Future[list[dict[str, Any]]]:
        """The objects that the program declares. A separate process evaluates the program while other steps wait for AWS."""
        if self.evaluation is None:
            arguments = (self.environment.name, self._applied(), self.options.checkout)
            pool = ThreadPoolExecutor(max_workers=1)
            self.evaluation = pool.submit(manifests.declared, *arguments)
            pool.shutdown(wait=False)
        return self.evaluation

    def _preview(self) -> str:
        outcome = Engine(self.environment).preview(self._applied())
        restore.show_preview(outcome, self.runner, changes=self.options.dry_run)
        accepted = self.options.accept_loss or self.options.dry_run
        restore.require_accepted(restore.losses(outcome), accept_loss=accepted, what="this deployment", command=command_line())
        return str(outcome)

    def _update(self) -> str:
        done = restore.updated(
            self.environment, self._applied(), self.lease, self.runner.say, watch=self._watch, plan=self.options.plan
        )
        self.environment = Environment.open(self.environment.name)  # the stack's outputs may have changed
        return done

    def _watch(self, found: EngineStep | EngineViolation) -> None:
        if isinstance(found, EngineStep) and found.is_change:
            self.runner.say(f"        {found.op} {found.name}")

    def _stage(self) -> str:
        self.lease.check()
        assert self.image is not None
        self.environment.tracks.set_image("canary", self.image)
        return f"promote the release: dwcp rollout --environment {self.environment.name} --image {self.image}"

    def _service(self) -> ServiceClient:
        return ServiceClient.of(self.environment, "stable", self.options.health_url)

    def _end_to_end(self) -> str | Skipped:
        return self._service().require_end_to_end() or Skipped(f"{END_TO_END_VARIABLE} is not set")

    def _roll_back(self, error: BaseException) -> DeployError:
        """Roll back, unless ``--no-rollback`` is given or nothing ran before. Returns the error that describes the result."""
        problem, name = problem_of(error), self.environment.name
        if self.options.no_rollback or not self.former.image:
            self._end("failed", error)
            why = "--no-rollback" if self.options.no_rollback else "nothing ran before"
            return DeployError(
                f"{problem}; not rolled back ({why}): now {running_now.sentence(self.environment)}",
                f"roll back: {self._rollback_command}" if self.former.image else "fix the error, then deploy again",
            )
        restoration = restore.Restoration(
            environment=self.environment,
            former=self.former,
            runner=self.runner,
            lease=lambda: self.lease,
            command=self._rollback_command,
            url=self.options.health_url,
            accept_loss=self.options.accept_loss,
        )
        try:
            self.runner.run(restoration.steps())
        except (Exception, KeyboardInterrupt) as second:
            self._end("failed", error)
            failed = f"and the rollback to {self.former.image} failed too: {problem_of(second)}"
            return DeployError(
                f"{problem}; {failed}; now {running_now.sentence(self.environment)}",
                f"dwcp doctor --environment {name}; then {self._rollback_command}",
            )
        self._end("rolled back", error)
        return DeployError(
            f"{problem}; {self.former.image} runs again", "; ".join(["fix the error, then deploy again", *self.addresses])
        )

    @property
    def _rollback_command(self) -> str:
        """The command that restores the deployment before this one."""
        target = f" --to {self.release.previous}" if self.release.previous else ""
        return f"dwcp rollback --environment {self.environment.name}{target}"

    def _end(self, result: Result, error: BaseException | None = None) -> None:
        """Record the end of the deployment with a report, and with an incident if the update or a later step failed."""
        if not hasattr(self, "lease"):  # nothing was changed or recorded yet
            return
        changes: dict[str, object] = {
            "result": result,
            "ended": datetime.now(UTC),
            "reason": "" if error is None else problem_of(error),
            "steps": list(self.runner.records),
            "fencing": self.lease.fencing,
        }
        touched = any(each.name == "update" for each in self.runner.records)
        with only_warns("the end of the deployment", error, self.runner.warn):
            if touched:
                present = self.states.read()
                changes |= applied(self.states, present, self.lease.fencing, before=self.before, planned=self.release.settings)
                if self.mode == "direct":  # stable does not run the image of a staged release
                    changes |= {"image": self.image or str(present.output("application", "image") or ""), "digest": self._digest()}
            self.release = self.release.model_copy(update=changes)
            self.addresses = finish(self._releases(), self.release, incident=touched and error is not None, say=self.runner.say)

    def _digest(self) -> str:
        """The digest of stable's image, from the status of the pods; empty if they report none or several, or cannot be read."""
        try:
            pods = self.environment.tracks.pods("stable")
        except DeliveryError:
            return ""  # a missing digest must not fail the report
        statuses = [status for pod in pods for status in pod["status"].get("containerStatuses", [])]
        found = {
            str(status.get("imageID", "")).rpartition("@")[2] for status in statuses if status["name"] == DEPLOYMENTS["stable"]
        }
        return found.pop() if len(found) == 1 and next(iter(found)).startswith("sha256:") else ""

    def _releases(self) -> Releases | None:
        """The store of releases; ``None`` if no update has created the artifact bucket yet."""
        releases = Releases(self.environment)
        try:
            return releases if releases.bucket else None
        except UnreachableError:
            return None


def _is_track(manifest: dict[str, Any]) -> bool:
    return manifest["kind"] == "Deployment" and manifest["metadata"]["name"] in DEPLOYMENTS.values()
