"""The real engine on a program of the tests: Pulumi CLI, language host, policy pack, and providers that return their inputs."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policies_worlds import PROGRAM, World
from recording import ROOT

from embedded_cloud.engine import LocalEngine
from sandbox.project import PROJECT, TOOLCHAIN

PLUGINS = ("aws", "kubernetes", "docker")


@dataclass(frozen=True)
class Violation:
    """A policy violation that the engine reports."""

    rule: str
    level: str
    severity: str
    name: str
    message: str


class CheckedStack:
    """A stack with the program of a world and its state in ``folder``, checked by the policy pack of this checkout."""

    def __init__(self, folder: Path, stack: str = "production") -> None:
        tools = TOOLCHAIN.ensure("pulumi", "pulumi-language-python-exec")
        self.folder, self.stack = folder, stack
        self.engine = LocalEngine(PROJECT, folder / "engine", tools, aws_port=1, kubeconfig=folder / "no-kubeconfig")
        self.engine.install()
        for plugin in PLUGINS:
            self._plugin(plugin)
        (folder / "Pulumi.yaml").write_text("name: dwcp-v3\nruntime: python\n")
        (folder / "__main__.py").write_text(PROGRAM)
        self.run("stack", "init", stack)

    def declare(self, world: World) -> None:
        """Write a program that declares the world's resources."""
        (self.folder / "world.json").write_text(world.to_json())

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = self.engine.process_environment() | {
            "PULUMI_BACKEND_URL": f"file://{self.folder}",
            "PULUMI_CONFIG_PASSPHRASE": "secret",
            "PULUMI_DEBUG_COMMANDS": "true",  # required for the event log
        }
        command = [str(self.engine.bin / "pulumi"), *arguments, "--non-interactive"]
        return subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False, timeout=300)

    def checked(self, command: str, *arguments: str) -> tuple[subprocess.CompletedProcess[str], list[Violation]]:
        """Run a command with the policy pack; return its output and the violations."""
        log = self.folder / "events.json"
        log.unlink(missing_ok=True)
        flags = ["--policy-pack", str(ROOT / "policies"), "--event-log", str(log), "--stack", self.stack]
        done = self.run(command, *flags, *arguments)
        events = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        return done, [_violation(event["policyEvent"]) for event in events if "policyEvent" in event]

    def _plugin(self, name: str) -> None:
        for old in self.engine.home.glob(f"plugins/resource-{name}-*"):
            for file in old.iterdir():
                file.unlink()
            old.rmdir()
        folder = self.engine.home / "plugins" / f"resource-{name}-v1.0.0"
        folder.mkdir(parents=True)
        launcher = folder / f"pulumi-resource-{name}"
        provider = Path(__file__).with_name("policies_provider.py")
        launcher.write_text(
            f"#!/bin/sh\nPYTHONPATH={shlex.quote(str(ROOT))} exec {shlex.quote(sys.executable)} {shlex.quote(str(provider))}\n"
        )
        launcher.chmod(0o755)


def _violation(event: dict[str, Any]) -> Violation:
    return Violation(
        rule=event["policyName"],
        level=event["enforcementLevel"],
        severity=event.get("severity", ""),
        name=event.get("resourceUrn", "").rpartition("::")[2],
        message=event["message"],
    )
