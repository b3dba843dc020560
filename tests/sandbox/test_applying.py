"""`make up` while it applies the platform: it counts resources, prints problems, and lets the engine finish on Ctrl-C."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from recording import ROOT
from rich.console import Console

from sandbox import _applying as applying
from sandbox._summary import NEXT
from sandbox.errors import SandboxError
from sandbox.project import PROJECT

ENGINE = """#!/bin/sh
while [ "$1" != --event-log ]; do shift; done
event() { echo "$1" >> "$EVENTS"; }
EVENTS=$2
made() { event '{"resOutputsEvent": {"metadata": {"type": "'$1'", "urn": "urn:pulumi:local::dwcp-v3::'$1::$2'"}}}'; }
for type in pulumi:pulumi:Stack pulumi:providers:pulumi pulumi:pulumi:StackReference; do made $type own; done
for n in 1 2 3; do made aws:ec2/vpc:Vpc vpc-$n; sleep 0.2; done
violation='"policyName": "images", "resourceUrn": "urn:pulumi:local::dwcp-v3::a:b:C::redis"'
event '{"policyEvent": {'"$violation"', "enforcementLevel": "advisory", "message": "pin it"}}'
event '{"diagnosticEvent": {"severity": "warning", "message": "no pod is ready yet", "ephemeral": true}}'
event '{"diagnosticEvent": {"severity": "error", "message": "the quota is exceeded"}}'
echo "error: the quota is exceeded"
exit CODE
"""


def cloud(folder: Path, code: int, script: str = ENGINE) -> Any:
    (folder / "bin").mkdir()
    (folder / "logs").mkdir()
    engine = folder / "bin" / "pulumi"
    engine.write_text(script.replace("CODE", str(code)))
    engine.chmod(0o755)
    environment = SimpleNamespace(bin=folder / "bin", process_environment=lambda: dict(os.environ))
    project = SimpleNamespace(stack="local", directory=folder, instructions=PROJECT.instructions)
    return SimpleNamespace(folder=folder, engine=environment, project=project)


def expected_resources(count: int) -> Any:
    return SimpleNamespace(count=count)


def test_up_prints_its_progress_and_the_remaining_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applying, "SECONDS_BETWEEN_LINES", 0.1)
    out = io.StringIO()
    applying.apply(cloud(tmp_path, 0), Console(file=out, width=200), expected_resources(8))
    assert "of 8 resources, about" in out.getvalue()
    assert "s left" in out.getvalue()
    assert "policy images (advisory) on redis: pin it" in out.getvalue()
    assert "3 resources in" in out.getvalue()
    assert "no pod is ready yet" not in out.getvalue()


def test_a_failure_contains_the_message_of_the_engine(tmp_path: Path) -> None:
    out = io.StringIO()
    with pytest.raises(SandboxError, match="the quota is exceeded") as error:
        applying.apply(cloud(tmp_path, 1), Console(file=out, width=200), expected_resources(0))
    assert "run `make up` again" in error.value.fix
    assert "error: the quota is exceeded" in out.getvalue()


SLOW = """#!/bin/sh
trap 'echo ended gently; exit 1' INT
echo $$ > pid
while :; do sleep 0.1; done
"""
INTERRUPT = """
import sys, os, signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have started the tests with Ctrl-C ignored
from pathlib import Path
from types import SimpleNamespace
from rich.console import Console
from sandbox._applying import apply
folder = Path(sys.argv[1])
engine = SimpleNamespace(bin=folder / "bin", process_environment=lambda: dict(os.environ))
cloud = SimpleNamespace(folder=folder, engine=engine, project=SimpleNamespace(stack="local", directory=folder))
try:
    apply(cloud, Console(), SimpleNamespace(count=0))
except KeyboardInterrupt:
    print("interrupted")
"""


def test_ctrl_c_interrupts_the_engine_once_and_waits_for_it(tmp_path: Path) -> None:
    cloud(tmp_path, 0, SLOW)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPT, str(tmp_path)], env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    guard = threading.Timer(60, process.kill)
    guard.daemon = True
    guard.start()
    while not (tmp_path / "pid").exists():
        assert process.poll() is None, "the process ended before the engine started"
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate()
    assert "stopping: the engine finishes its running operations" in output
    assert output.rstrip().endswith("interrupted")
    assert (tmp_path / "logs/up.log").read_text() == "ended gently\n"


def test_no_command_of_the_summary_combines_make_down_with_another() -> None:
    for _, command in NEXT:
        assert "make down" not in command or command == "make down"
        assert ";" not in command
