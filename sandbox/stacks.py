"""The stacks of staging and production on the embedded cloud, with their own stack files and the pipelines' roles.

An administrator applies ``bootstrap/`` to the account. Then each environment's deploy role applies the environment's stack. Each
stack has a separate control plane, which looks up the caller's identity in the account.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from secrets import token_hex
from typing import Any, get_args

import boto3
import yaml

import contract
from embedded_cloud.cloud import MOTO, SERVICES, Cloud
from embedded_cloud.engine import CREDENTIALS
from embedded_cloud.project import Project
from program.checkout import CHECKOUT
from sandbox.errors import SandboxError
from sandbox.project import FOLDER, PROJECT
from sandbox.real_pods import project_in, write_stack_file

STACKS: tuple[str, ...] = get_args(contract.EnvironmentName)

SECRET = re.compile(r"^#.*pulumi config set -s \S+ --secret --path '([^']+)'", re.MULTILINE)
"""The comment in a stack file that names a required secret."""

ISSUER = "token.actions.githubusercontent.com"
AUDIENCE = "sts.amazonaws.com"
ADDRESS = "https://hooks.example.com/"
"""The base URL of alert receivers that do not exist."""


def project_of(stack: str) -> Project:
    """The description of DWCP v3 for the embedded cloud, with the given stack."""
    if stack not in STACKS:
        raise SandboxError(f"there is no stack {stack!r}", f"choose from {', '.join(STACKS)}")
    if stack == PROJECT.stack:
        return PROJECT
    return replace(
        PROJECT,
        stack=stack,
        cluster=f"{contract.APPLICATION}-{stack}",
        secrets_alias=f"alias/{contract.PROJECT}-{stack}",  # the key that `dwcp state bootstrap` creates
        instructions=replace(
            PROJECT.instructions, up=f"run `{command_of(stack)}`", environment=f"run `source .sandbox/{stack}/env`"
        ),
    )


def command_of(stack: str) -> str:
    """The command that applies a stack."""
    return "make up" if stack == PROJECT.stack else f"make up STACK={stack}"


def folder_of(stack: str) -> Path:
    """The folder of a stack's cloud in this checkout."""
    return FOLDER if stack == PROJECT.stack else FOLDER / stack


@dataclass(frozen=True)
class StackProcess:
    """One process of a stack's cloud; ``pid`` is None if it does not run."""

    stack: str
    name: str
    pid: int | None
    log: Path

    def __str__(self) -> str:
        """The process's name. It includes the stack, except for ``local``."""
        return self.name if self.stack == PROJECT.stack else f"{self.name} of {self.stack}"


def stack_processes() -> Iterator[StackProcess]:
    """The processes that `make up` starts for the applied stacks, running or not, and any other running process of a stack.

    Before the first `make up`, ``local`` counts as applied. All stacks use the AWS of ``local``.
    """
    applied = [stack for stack in STACKS if (folder_of(stack) / "etcd").exists()] or [PROJECT.stack]
    for stack in STACKS:
        processes = project_of(stack).processes(folder_of(stack))
        running = {name: process.pid for name, process in processes.running().items()}
        wanted = [name for name in SERVICES if (stack == PROJECT.stack if name == MOTO else stack in applied)]
        for name in (*wanted, *sorted(running.keys() - set(wanted))):
            yield StackProcess(stack, name, running.get(name), processes.log(name))


def open_stack(stack: str, folder: Path = FOLDER, *, real_pods: bool = False) -> Cloud:
    """The cloud of a stack in ``folder``. All stacks share one account. Each stack except ``local`` has its own subfolder.

    With ``real_pods``, which only the stack ``local`` supports, the pods are containers. Otherwise the pods are simulated, unless
    the cloud in ``folder`` already has real pods.
    """
    if real_pods and stack != PROJECT.stack:
        raise SandboxError(f"the stack {stack} does not support PODS=real", f"omit PODS, or use STACK={PROJECT.stack}")
    main = Cloud.open(project_in(folder, real=real_pods), folder)
    return main if stack == PROJECT.stack else Cloud.open(project_of(stack), folder / stack, beside=main)


def prepare(cloud: Cloud) -> list[str]:
    """Start a stack's cloud; return the options that every ``pulumi`` command on the stack needs.

    For a stack other than ``local``, also create its state backend, apply the account stack, and assume the deploy role.
    """
    if cloud.beside:  # `bootstrap_state` creates the key of the stack's secrets, which `cloud.start` needs
        cloud.beside.start_aws()
        cloud.wait_for_aws()
        bootstrap_state(cloud)
    cloud.start()
    if cloud.nodes:
        return ["--config-file", str(write_stack_file(cloud))]
    if cloud.beside is None:
        return []
    bootstrap(cloud, cloud.beside)
    become(cloud, "deploy")
    return ["--config-file", str(stack_file(cloud))]


def bootstrap_state(cloud: Cloud) -> None:
    """Create the lease table and the other resources of the state backend, as the account's administrator."""
    command = [sys.executable, "-m", "delivery", "state", "bootstrap", "--environment", cloud.project.stack]
    environment = cloud.engine.process_environment() | CREDENTIALS
    environment.pop("AWS_SESSION_TOKEN", None)
    done = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SandboxError(
            f"the state's backend could not be prepared: {done.stderr.strip()}", f"{cloud.project.instructions.up} again"
        )


def bootstrap(cloud: Cloud, account: Cloud) -> None:
    """As the account's administrator, create and apply the account stack unless an earlier call, of any stack, has done so.

    ``account`` is the cloud that owns the account. Its folder has the account stack's files until the first update succeeds, so
    that a failed first update is repeated.
    """
    engine = cloud.engine
    directory = CHECKOUT / "bootstrap"
    unfinished = account.folder / "account-stack"
    exists = any(each["name"] == "account" for each in json.loads(engine.pulumi("stack", "ls", "--json", cwd=directory)))
    if exists and not unfinished.exists():
        return
    if not exists:
        shutil.copytree(directory, unfinished, dirs_exist_ok=True)
        engine.pulumi("stack", "init", "account", "--no-select", "--secrets-provider", PROJECT.secrets_provider, cwd=unfinished)
    file = str(unfinished / "Pulumi.account.yaml")
    engine.pulumi("up", "--yes", "--skip-preview", "--stack", "account", "--config-file", file, cwd=directory)
    shutil.rmtree(unfinished)


def become(cloud: Cloud, kind: str) -> None:
    """Assume the role ``kind`` of the stack's environment with a token, as the jobs in GitHub do.

    The cloud's engine, and the file that a shell sources, get the role's credentials.
    """
    stack = cloud.project.stack
    role = f"arn:aws:iam::{cloud.project.account.id}:role/{contract.PROJECT}-{stack}-{kind}"
    cloud.engine.credentials = assume(cloud, role, environment=stack if kind == "deploy" else "preview")
    cloud.engine.write_exports()


def assume(cloud: Cloud, role: str, *, environment: str, seconds: int = 3600) -> dict[str, str]:
    """Assume ``role`` as a job in the GitHub environment ``environment``; return the credentials as environment variables."""
    settings = yaml.safe_load((CHECKOUT / "bootstrap" / "Pulumi.account.yaml").read_text())["config"]
    subject = settings[f"{contract.PROJECT}:account"]["subject"]
    claims = {"iss": f"https://{ISSUER}", "aud": AUDIENCE, "sub": f"{subject}:environment:{environment}"}
    region = cloud.project.account.region
    sts: Any = boto3.client(
        "sts", endpoint_url=cloud.control_plane.aws, region_name=region, aws_access_key_id="-", aws_secret_access_key="-"
    )
    answer = sts.assume_role_with_web_identity(
        RoleArn=role, RoleSessionName=f"job-{environment}", WebIdentityToken=web_identity(claims), DurationSeconds=seconds
    )["Credentials"]
    return {
        "AWS_ACCESS_KEY_ID": answer["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": answer["SecretAccessKey"],
        "AWS_SESSION_TOKEN": answer["SessionToken"],
    }


def web_identity(claims: dict[str, str]) -> str:
    """A token with these claims. The embedded cloud does not check a token's signature."""
    parts = ({"alg": "none", "typ": "JWT"}, claims)
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + ".-"


def stack_file(cloud: Cloud) -> Path:
    """The path of the cloud's copy of the stack file, which contains generated secrets.

    If the checkout's stack file, or the file that ``pulumi stack init`` wrote, is newer than the copy, the copy and its secrets are
    generated again.
    """
    name = f"Pulumi.{cloud.project.stack}.yaml"
    file = cloud.folder / name
    initial = cloud.folder / "stack" / name
    if file.exists() and file.stat().st_mtime >= max((CHECKOUT / name).stat().st_mtime, initial.stat().st_mtime):
        return file
    text = (CHECKOUT / name).read_text()
    file.write_text(f"{text.rstrip()}\n{initial.read_text()}")
    for key in SECRET.findall(text):
        address = ADDRESS if "alertReceivers" in key else ""
        arguments = ("--secret", "--path", "--stack", cloud.project.stack, "--config-file", str(file))
        cloud.engine.pulumi("config", "set", *arguments, key, address + token_hex(16))
    return file
