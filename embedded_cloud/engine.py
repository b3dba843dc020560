"""The Pulumi engine of the sandbox: the stock CLI, its home with our plugins, and state on the embedded S3.

Nothing is written into the checkout. The stack is created from a scratch project, so that ``Pulumi.local.yaml`` stays as
committed: its data key is encrypted with the KMS key that :mod:`embedded_cloud.moto_server` makes the same everywhere.
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

from embedded_cloud.errors import SandboxError
from embedded_cloud.moto_server import KEY_ALIAS, REGION
from embedded_cloud.processes import OWNER

CHECKOUT = Path(__file__).parent.parent
PROJECT = "dwcp-v3"
STACK = "local"
STATE_BUCKET = "novacron-terraform-state"
STATE_PREFIX = f"{PROJECT}/.pulumi"
STATE_KEY = f"{STATE_PREFIX}/stacks/{PROJECT}/{STACK}.json"
PROVIDERS = ("aws", "docker", "kubernetes")


class Engine:
    """The engine whose files lie in ``folder``; ``tools`` are the CLI and the SDK's program runner."""

    def __init__(self, folder: Path, tools: dict[str, Path], aws_port: int, kubeconfig: Path) -> None:
        self.folder = folder
        self.tools = tools
        self.aws_port = aws_port
        self.kubeconfig = kubeconfig
        self.home = folder / "pulumi"
        self.bin = folder / "bin"

    def environment(self) -> dict[str, str]:
        """What ``.sandbox/env`` exports: enough for ``pulumi``, ``kubectl`` and any AWS client to find the sandbox."""
        endpoint = f"127.0.0.1:{self.aws_port}"
        return {
            "AWS_ENDPOINT_URL": f"http://{endpoint}",
            "AWS_ACCESS_KEY_ID": "sandbox",
            "AWS_SECRET_ACCESS_KEY": "sandbox",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",  # moto sends no checksums; the SDK warns at each read
            "KUBECONFIG": str(self.kubeconfig),
            "PULUMI_HOME": str(self.home),
            "PULUMI_BACKEND_URL": f"s3://{STATE_BUCKET}/{PROJECT}?endpoint={endpoint}&disableSSL=true&s3ForcePathStyle=true",
            "PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS": "true",  # the bucket keeps every version already
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_PYTHON_CMD": sys.executable,
            "PULUMI_STACK": STACK,
        }

    def install(self) -> None:
        """Lay out the CLI, the language host, the providers and the file to ``source``."""
        self.bin.mkdir(parents=True, exist_ok=True)
        programs = {**self.tools, "kubectl": Path(sys.executable).parent / "kubectl"}
        for name in ("pulumi", "pulumi-language-python-exec", "kubectl"):
            (self.bin / name).unlink(missing_ok=True)
            (self.bin / name).symlink_to(programs[name])
        # Not a link: the CLI looks for its language host beside the file it really is, and warns when PATH has it.
        (self.bin / "pulumi").unlink()
        try:
            (self.bin / "pulumi").hardlink_to(self.tools["pulumi"])
        except OSError:
            shutil.copy2(self.tools["pulumi"], self.bin / "pulumi")
        _launcher(self.bin / "pulumi-language-python", "embedded_cloud.language_host")
        for provider in PROVIDERS:
            plugin = self.home / "plugins" / f"resource-{provider}-v{version(f'pulumi-{provider}')}"
            plugin.mkdir(parents=True, exist_ok=True)
            _launcher(plugin / f"pulumi-resource-{provider}", f"embedded_cloud.providers.{provider}")
        # A file where the CLI would make a folder: nothing else spares its log of every call, 3 MB and a tenth of an `up`'s time.
        (self.home / "logs").touch()
        exports = [f"export {key}={shlex.quote(value)}" for key, value in self.environment().items()]
        exports.append(f'case ":$PATH:" in *:{self.bin}:*) ;; *) export PATH={shlex.quote(str(self.bin))}:"$PATH" ;; esac')
        monitoring = shlex.quote(str(self.folder / "monitoring" / "env"))  # there once `make monitoring` has run
        exports.append(f"if [ -r {monitoring} ]; then . {monitoring}; fi")
        (self.folder / "env").write_text("\n".join(exports) + "\n")

    def create_stack(self) -> None:
        """Create the state bucket and the stack unless they exist."""
        try:
            self.s3.head_object(Bucket=STATE_BUCKET, Key=STATE_KEY)
            return
        except ClientError:
            self.s3.create_bucket(Bucket=STATE_BUCKET)
            self.s3.put_bucket_versioning(Bucket=STATE_BUCKET, VersioningConfiguration={"Status": "Enabled"})
        scratch = self.folder / "stack"
        scratch.mkdir(exist_ok=True)
        (scratch / "Pulumi.yaml").write_text(f"name: {PROJECT}\nruntime: python\n")
        self.pulumi(
            "stack",
            "init",
            STACK,
            "--no-select",
            "--secrets-provider",
            f"awskms://{KEY_ALIAS}?region={REGION}&awssdk=v2",
            cwd=scratch,
        )

    def release_stranded_locks(self) -> None:
        """Delete the state locks whose owner, a process of this machine, no longer runs: they never expire by themselves."""
        locks = self.s3.list_objects_v2(Bucket=STATE_BUCKET, Prefix=f"{STATE_PREFIX}/locks/").get("Contents", [])
        for lock in locks:
            owner = json.loads(self.s3.get_object(Bucket=STATE_BUCKET, Key=lock["Key"])["Body"].read())
            if not psutil.pid_exists(owner["pid"]):
                self.s3.delete_object(Bucket=STATE_BUCKET, Key=lock["Key"])

    def forget_interrupted_operations(self) -> None:
        """Take out of the state what a killed command was doing: the next one finds by itself what came of it.

        Deletions and updates are seen to be due still, and creations by :mod:`embedded_cloud.creations`. On AWS, where neither the
        engine nor anyone else knows, ``pulumi refresh`` asks.
        """
        body = self.s3.get_object(Bucket=STATE_BUCKET, Key=STATE_KEY)["Body"].read()
        if not (json.loads(body)["checkpoint"]["latest"] or {}).get("pending_operations"):
            return
        exported = json.loads(self.pulumi("stack", "export", "--stack", STACK))
        exported["deployment"]["pending_operations"] = []
        file = self.folder / "stack" / "repaired.json"
        file.write_text(json.dumps(exported))
        self.pulumi("stack", "import", "--stack", STACK, "--file", str(file))
        file.unlink()

    @cached_property
    def s3(self) -> BaseClient:
        """A client for the embedded S3."""
        return boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{self.aws_port}",
            region_name=REGION,
            aws_access_key_id="sandbox",
            aws_secret_access_key="sandbox",
        )

    def pulumi(self, *arguments: str, cwd: Path = CHECKOUT) -> str:
        """Run the stock CLI and return its output; a failure carries the CLI's own words."""
        done = subprocess.run(
            [self.bin / "pulumi", *arguments, "--non-interactive"],
            cwd=cwd, env=self.process_environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            words = (done.stderr or done.stdout).strip()
            raise SandboxError(f"pulumi {' '.join(arguments)} failed: {words}", "mend what it names and run `make up` again")
        return done.stdout

    def stack_export(self) -> list[dict[str, Any]]:
        """The resources of the local stack's state, without the providers and components that Pulumi itself keeps."""
        exported = json.loads(self.pulumi("stack", "export", "--stack", STACK))
        return [resource for resource in exported["deployment"].get("resources", []) if resource.get("custom")]

    def process_environment(self) -> dict[str, str]:
        """The environment of a process that runs in the sandbox."""
        mark = {OWNER: str(self.folder)}
        own = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}  # imports are most of a preview
        return own | self.environment() | mark | {"PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}"}


def _launcher(path: Path, module: str) -> None:
    """An executable that runs ``module`` of this checkout with this interpreter."""
    command = f'PYTHONPATH={shlex.quote(str(CHECKOUT))} exec {shlex.quote(sys.executable)} -m {module} "$@"'
    path.write_text(f"#!/bin/sh\n{command}\n")
    path.chmod(0o755)
