"""The Pulumi engine of an embedded cloud: the Pulumi CLI, its home folder with the plugins, and the state in the embedded S3.

In the project's folder, this module writes only ``Pulumi.STACK.yaml``, and only if the file is missing. The stack is created from a
temporary project, so that a committed file does not change. The data key in the file is encrypted with a KMS key that
:mod:`embedded_cloud.moto_server` creates with the same material in every cloud of the project.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import boto3
import psutil
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from embedded_cloud.errors import EmbeddedCloudError
from embedded_cloud.project import Built, Project

PACKAGES = Path(__file__).parent.parent
"""The folder that contains this package, for ``PYTHONPATH``."""

LOCAL_HOSTS = "localhost,127.0.0.1,::1"
"""The hosts that the file ``env`` adds to ``NO_PROXY``, because the whole embedded cloud is on this machine."""
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "sandbox", "AWS_SECRET_ACCESS_KEY": "sandbox"}
"""The administrator's credentials. An access key without the format of AWS' keys always belongs to the administrator."""


class LocalEngine:
    """The engine of ``project``, with the engine's files in ``folder``. ``tools`` maps the toolchain's programs to their paths."""

    def __init__(self, project: Project, folder: Path, tools: dict[str, Path], aws_port: int, kubeconfig: Path) -> None:
        self.project = project
        self.folder = folder
        self.tools = tools
        self.aws_port = aws_port
        self.kubeconfig = kubeconfig
        self.credentials: dict[str, str] = dict(CREDENTIALS)
        """The AWS credentials of the engine, as environment variables."""
        self.home = folder / "pulumi"
        self.bin = folder / "bin"

    def environment(self) -> dict[str, str]:
        """The variables in the file ``env``, which make ``pulumi``, ``kubectl`` and any AWS client use the embedded cloud."""
        endpoint = f"127.0.0.1:{self.aws_port}"
        return {
            "AWS_ENDPOINT_URL": f"http://{endpoint}",
            **self.credentials,
            "AWS_REGION": self.project.account.region,
            "AWS_DEFAULT_REGION": self.project.account.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",  # moto sends no checksums, so the SDK would warn at each read
            "KUBECONFIG": str(self.kubeconfig),
            "PULUMI_HOME": str(self.home),
            "PULUMI_BACKEND_URL": f"s3://{self.project.bucket}/{self.project.name}?endpoint={endpoint}&disableSSL=true&s3ForcePathStyle=true",
            "PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS": "true",  # the bucket already keeps old versions
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_PYTHON_CMD": sys.executable,
            "PULUMI_STACK": self.project.stack,
        }

    def install(self) -> None:
        """Install the CLI, the language host and the providers, and write the file ``env`` for a shell to ``source``."""
        self.bin.mkdir(parents=True, exist_ok=True)
        scripts = Path(sys.executable).parent
        programs = {**self.tools, **{name: scripts / name for name in ("aws", "kubectl")}}
        for name in ("pulumi", "pulumi-language-python-exec", "aws", "kubectl"):
            (self.bin / name).unlink(missing_ok=True)
            (self.bin / name).symlink_to(programs[name])
        # A hard link, because the CLI searches for the language host in the folder of its own file, to which it follows symbolic
        # links. If the CLI finds the language host only on PATH, it prints a warning.
        (self.bin / "pulumi").unlink()
        try:
            (self.bin / "pulumi").hardlink_to(self.tools["pulumi"])
        except OSError:
            shutil.copy2(self.tools["pulumi"], self.bin / "pulumi")
        self._launcher(self.bin / "pulumi-language-python", "embedded_cloud.language_host")
        for provider in self.project.providers:
            self._install_plugin(provider)
        # A file in place of the CLI's log folder prevents a log of every call, which takes 3 MB and 10 % of the time of an `up`.
        (self.home / "logs").touch()
        self.write_exports()

    def write_exports(self) -> None:
        """Write the file ``env``, for a shell to ``source``."""
        exports = [f"export {key}={shlex.quote(value)}" for key, value in self.environment().items()]
        programs = shlex.quote(str(self.bin))
        exports.append(f'case ":$PATH:" in *:{programs}:*) ;; *) export PATH={programs}:"$PATH" ;; esac')
        for name in ("NO_PROXY", "no_proxy"):
            exports.append(
                f'case ",${{{name}:-}}," in *,127.0.0.1,*) ;; *) export {name}="${{{name}:+${name},}}{LOCAL_HOSTS}" ;; esac'
            )
        for name in self.project.environment_files:
            file = shlex.quote(str(self.folder / name))
            exports.append(f"if [ -r {file} ]; then . {file}; fi")
        (self.folder / "env").write_text("\n".join(exports) + "\n")

    def _install_plugin(self, provider: str) -> None:
        """Install an embedded provider, or else the official plugin from the user's ``~/.pulumi``, or else from the toolchain.

        A provider that the toolchain has not built is skipped, because a program need not use every provider of its project.
        """
        served = self.project.providers[provider]
        plugin = self.home / "plugins" / self._plugin_folder(provider)
        plugin.mkdir(parents=True, exist_ok=True)
        program = plugin / f"pulumi-resource-{provider}"
        if isinstance(served, str):
            self._launcher(program, served)
        elif official := self.users_own(provider) or self.tools.get(served.tool):
            program.unlink(missing_ok=True)
            program.symlink_to(official)

    def users_own(self, provider: str) -> Path | None:
        """The official plugin in the user's ``~/.pulumi``, in the SDK's version; None if missing or if the provider is embedded."""
        program = Path.home() / ".pulumi" / "plugins" / self._plugin_folder(provider) / f"pulumi-resource-{provider}"
        return program if isinstance(self.project.providers[provider], Built) and program.exists() else None

    def _plugin_folder(self, provider: str) -> str:
        return f"resource-{provider}-v{version(f'pulumi-{provider}')}"

    def create_stack(self) -> None:
        """Create the state bucket and the stack unless they exist."""
        bucket = self.project.bucket
        try:
            self.s3.head_object(Bucket=bucket, Key=self.project.state_key)
            return
        except ClientError:
            self.s3.create_bucket(Bucket=bucket)
            self.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        scratch = self.folder / "stack"
        scratch.mkdir(exist_ok=True)
        (scratch / "Pulumi.yaml").write_text(f"name: {self.project.name}\nruntime: python\n")
        secrets = ("--secrets-provider", self.project.secrets_provider)
        self.pulumi("stack", "init", self.project.stack, "--no-select", *secrets, cwd=scratch)
        stack_file = self.project.directory / f"Pulumi.{self.project.stack}.yaml"
        if not stack_file.exists():
            shutil.copyfile(scratch / stack_file.name, stack_file)

    def release_stranded_locks(self) -> None:
        """Delete the state locks whose owner no longer runs, because state locks never expire.

        On a shared backend, this would not be safe. In the embedded cloud, every owner of a lock is a process of this machine,
        because only this machine can reach the bucket.
        """
        bucket = self.project.bucket
        locks = self.s3.list_objects_v2(Bucket=bucket, Prefix=f"{self.project.state_prefix}/locks/").get("Contents", [])
        for lock in locks:
            owner = json.loads(self.s3.get_object(Bucket=bucket, Key=lock["Key"])["Body"].read())
            if not psutil.pid_exists(owner["pid"]):
                self.s3.delete_object(Bucket=bucket, Key=lock["Key"])

    def forget_interrupted_operations(self) -> None:
        """Remove the pending operations of a killed command from the state, if there are any.

        The next command repeats necessary deletions and updates, and finds created resources with :mod:`embedded_cloud.creations`.
        On AWS, the results of these operations are unknown, and ``pulumi refresh`` prompts the user for each interrupted creation.
        """
        body = self.s3.get_object(Bucket=self.project.bucket, Key=self.project.state_key)["Body"].read()
        if not (json.loads(body)["checkpoint"]["latest"] or {}).get("pending_operations"):
            return
        exported = json.loads(self.pulumi("stack", "export", "--stack", self.project.stack))
        exported["deployment"]["pending_operations"] = []
        file = self.folder / "stack" / "without-pending.json"
        file.write_text(json.dumps(exported))
        self.pulumi("stack", "import", "--stack", self.project.stack, "--file", str(file))
        file.unlink()

    @cached_property
    def s3(self) -> BaseClient:
        """A client for the embedded S3."""
        return boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{self.aws_port}",
            region_name=self.project.account.region,
            **{name.lower(): value for name, value in CREDENTIALS.items()},
        )

    def pulumi(self, *arguments: str, cwd: Path | None = None) -> str:
        """Run the Pulumi CLI in ``cwd``, by default the project's folder, and return the output.

        Raises ``EmbeddedCloudError`` with the CLI's message if the CLI fails.
        """
        done = subprocess.run(
            [self.bin / "pulumi", *arguments, "--non-interactive"],
            cwd=cwd or self.project.directory, env=self.process_environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            message = (done.stderr or done.stdout).strip()
            fix = f"fix the error and {self.project.instructions.up} again"
            raise EmbeddedCloudError(f"pulumi {' '.join(arguments)} failed: {message}", fix)
        return done.stdout

    def stack_export(self) -> list[dict[str, Any]]:
        """The custom resources in the stack's state, including providers."""
        exported = json.loads(self.pulumi("stack", "export", "--stack", self.project.stack))
        return [resource for resource in exported["deployment"].get("resources", []) if resource.get("custom")]

    def process_environment(self) -> dict[str, str]:
        """The environment of a process that runs in the embedded cloud."""
        mark = {self.project.owner_variable: str(self.folder)}
        # PYTHONDONTWRITEBYTECODE is removed, because without bytecode files, a preview would spend most of its time on imports.
        own = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        return own | self.environment() | mark | {"PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}"}

    def python_environment(self) -> dict[str, str]:
        """The environment variables that let a process import this package and the project, and read the project's instructions."""
        paths = dict.fromkeys((str(PACKAGES), str(self.project.directory)))
        return {"PYTHONPATH": os.pathsep.join(paths), **self.project.instructions.variables()}

    def _launcher(self, path: Path, module: str) -> None:
        """Write the executable ``path``, which runs ``module`` with this interpreter."""
        variables = " ".join(f"{name}={shlex.quote(value)}" for name, value in self.python_environment().items())
        path.write_text(f'#!/bin/sh\n{variables} exec {shlex.quote(sys.executable)} -m {module} "$@"\n')
        path.chmod(0o755)
