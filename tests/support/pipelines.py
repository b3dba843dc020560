"""The jobs of the pipelines on the embedded cloud, with the commands of the workflow files and the role of each environment.

Substitutes replace GitHub's parts of a job: the checkout, the variables of the environments, and the role that a job assumes.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from botocore.exceptions import ClientError
from checkouts import copy_files, init_repository
from live_platform import PACE
from repositories import git
from stacks import Stack

from delivery.errors import DeliveryError
from delivery.github.expressions import Contexts, condition
from delivery.github.runner import Result, Runner, Substitute
from delivery.github.workflow import Job, find, jobs
from delivery.rollout.options import SETTINGS_VARIABLE
from sandbox.stacks import assume

CD = "dwcp-v3-cd"
ROLE = "aws-actions/configure-aws-credentials"
NOT_ON_A_RUNNER = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "KUBECONFIG", "PULUMI_STACK")
"""Variables of the sandbox's shell that a runner does not have. A job gets credentials from its role, and the cluster's address
from the stack outputs."""


def commit(folder: Path, stacks: Sequence[Stack]) -> Path:
    """A checkout with this work tree as one commit of main. As on AWS, the committed stack files contain the encrypted secrets."""
    checkout = folder / "checkout"
    copy_files(checkout)
    for stack in stacks:
        shutil.copy(stack.options[-1], checkout / f"Pulumi.{stack.name}.yaml")
    init_repository(checkout)
    git(checkout, "add", "--all")
    git(checkout, "commit", "--message", "a commit of main")
    git(checkout, "update-ref", "refs/remotes/origin/main", "HEAD")
    return checkout


@dataclass(kw_only=True)
class Pipelines:
    """Runs jobs in ``checkout``; ``stacks`` are the existing environments."""

    checkout: Path
    stacks: Mapping[str, Stack]
    base_url: str
    """The URL of the service."""
    more: dict[str, str] = field(default_factory=dict[str, str])
    """Additional environment variables of every job, such as the URL of GitHub's API."""
    output: list[str] = field(default_factory=list[str])

    def release(
        self, tag: str, *, succeeded: Container[str] = (), variables: Mapping[str, Mapping[str, str]] | None = None
    ) -> dict[str, Any]:
        """Set ``tag``, run each job of the CD workflow whose condition holds, and return the ``needs`` context after all jobs.

        Jobs in ``succeeded`` do not run and count as successful. ``variables`` contains additional variables by job.
        """
        git(self.checkout, "tag", "--force", tag)
        needs: dict[str, Any] = {}
        for job in (each for each in jobs(self.checkout) if each.workflow == CD):
            # A failure anywhere before this job is followed by skipped jobs; a job after a skipped job is skipped too.
            results = {needs[name]["result"] for name in job.needs}
            contexts = Contexts(
                values={"needs": needs, "github": {"run_attempt": "1"}}, failed="failure" in results, skipped="skipped" in results
            )
            if not condition(job.content.get("if"), contexts):
                needs[job.name] = {"result": "skipped", "outputs": {}}
            elif job.called_workflow or job.name in succeeded:  # CI needs no role
                needs[job.name] = {"result": "success", "outputs": {}}
            else:
                done = self.run(job, needs=needs, ref=f"refs/tags/{tag}", variables=(variables or {}).get(job.name))
                needs[job.name] = {"result": "failure" if done.failed else "success", "outputs": done.outputs}
        return needs

    def run(
        self,
        job: Job | str,
        *,
        needs: Mapping[str, Any] | None = None,
        ref: str = "refs/heads/main",
        matrix: Mapping[str, str] | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> Result:
        """Run one job."""
        job = find(self.checkout, job) if isinstance(job, str) else job
        self.output.append(f"{job.workflow}/{job.name}")
        stack = self.stacks[next((each for each in (job.environment, *(matrix or {}).values()) if each in self.stacks), "staging")]
        sha = subprocess.run(["git", "-C", self.checkout, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout
        context = {"sha": sha.strip(), "ref": ref, "ref_name": ref.split("/", 2)[-1], "token": "token", "run_id": "42"}
        with patch.dict(os.environ, self.process(stack), clear=True):
            runner = Runner(
                job,
                self.checkout,
                self.output.append,
                needs=needs,
                context=context,
                variables={**self.variables(job.environment, stack), **(variables or {})},
                actions=self.actions(job.environment, stack),
            )
            return runner.run(matrix or {})

    def full_output(self) -> str:
        """The output of the jobs, with the failed steps."""
        return "\n".join(self.output)

    def dwcp(self, stack: Stack, *arguments: str) -> Any:
        """Run ``dwcp --json`` with the role that deploys the stack; return the JSON."""
        environment = self.process(stack) | stack.cloud.engine.credentials
        command = [self.checkout / "dwcp", *arguments, "--environment", stack.name, "--json"]
        return json.loads(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)

    def process(self, stack: Stack) -> dict[str, str]:
        """The environment variables of a runner: the endpoints of the embedded cloud, and no credentials."""
        found = stack.cloud.engine.process_environment()
        kept = {name: value for name, value in found.items() if name not in NOT_ON_A_RUNNER and not name.startswith("GITHUB_")}
        return kept | {
            SETTINGS_VARIABLE: json.dumps({**PACE, "waitSeconds": 4}),
            "DWCP_METRICS_WINDOW_SECONDS": "3",
            "DWCP_PROMETHEUS_URL": stack.monitoring.prometheus_url,
            "DWCP_SERVICE_URL": f"{stack.monitoring.simulator_url}/tracks/{{track}}",
            **self.more,
        }

    def variables(self, environment: str, stack: Stack) -> dict[str, str]:
        """The variables of a GitHub environment and of the repository, as listed in docs/ci.md."""
        account = f"arn:aws:iam::{stack.cloud.project.account.id}:role/dwcp-v3"
        shared = {
            "AWS_REGION": stack.cloud.project.account.region,
            "PULUMI_BACKEND_URL": stack.cloud.engine.environment()["PULUMI_BACKEND_URL"],
            "STAGING_PREVIEW_ROLE_ARN": f"{account}-staging-preview",
            "PRODUCTION_PREVIEW_ROLE_ARN": f"{account}-production-preview",
            "VERIFY_PROVENANCE": "false",  # the verification calls GitHub
        }
        own = {"ROLE_ARN": f"{account}-{environment}-deploy", "BASE_URL": self.base_url}
        return shared | (own if environment in self.stacks else {})

    def actions(self, environment: str, stack: Stack) -> dict[str, Substitute]:
        """The substitutes for the actions that the workflows use."""

        def checkout(given: Mapping[str, str], env: dict[str, str]) -> dict[str, str]:
            git(self.checkout, "clean", "--force", "-d")
            git(self.checkout, "checkout", "--force", "HEAD")
            return {}

        def build(given: Mapping[str, str], env: dict[str, str]) -> dict[str, str]:
            return {"digest": f"sha256:{hashlib.sha256(given['tags'].encode()).hexdigest()}"}

        def role(given: Mapping[str, str], env: dict[str, str]) -> dict[str, str]:
            seconds = int(given["role-duration-seconds"])
            try:
                env |= assume(stack.cloud, given["role-to-assume"], environment=environment, seconds=seconds)
            except ClientError as error:
                raise DeliveryError(f"the role is denied: {error}", "compare its trust policy") from error
            return {}

        return {"actions/checkout": checkout, "docker/build-push-action": build, ROLE: role}
