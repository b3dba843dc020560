"""The tools of the soak test: `dwcp` accepts its command lines, and its fault of the clock affects every wall clock of Python."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from command_lines import parse
from recording import ROOT

from bench._soak import COMMANDS, Soak

READ = """
import time
from datetime import UTC, datetime
from pydantic import BaseModel

class Record(BaseModel):
    at: datetime

now = datetime.now(UTC)
assert isinstance(Record(at=now).at, datetime)
assert Record.model_validate_json(Record(at=now).model_dump_json()).at == now
assert isinstance(datetime.fromisoformat("2026-01-01T00:00:00+00:00"), datetime)
print(time.time(), time.time_ns() / 1e9, now.timestamp(), datetime.now().timestamp(), time.monotonic())
"""


@pytest.fixture
def soak(tmp_path: Path) -> Soak:
    nothing: Any = SimpleNamespace(engine=SimpleNamespace(bin=tmp_path))
    return Soak(cloud=nothing, monitoring=nothing, chance=random.Random(1), clock=tmp_path / "clock")


def test_dwcp_accepts_every_command_line(soak: Soak) -> None:
    lines = [*map(soak.command, COMMANDS), *soak.recovery_commands()]
    dwcp_lines = [line[3:] for line in lines if line[1:3] == ("-m", "delivery")]
    assert len(dwcp_lines) == len(lines) - 1, "all but `pulumi up`"
    for line in dwcp_lines:
        parse(list(line))


def test_the_clock_fault_changes_every_wall_clock_and_no_monotonic_clock(tmp_path: Path) -> None:
    def read(jump: str) -> list[float]:
        (tmp_path / "clock").write_text(jump)
        path = f"{ROOT / 'bench/_jumping_clock'}{os.pathsep}{ROOT}"
        environment = {**os.environ, "PYTHONPATH": path, "SOAK_CLOCK": str(tmp_path / "clock")}
        return [float(each) for each in subprocess.check_output([sys.executable, "-c", READ], env=environment, text=True).split()]

    *before, steady = read("0")
    *after, later = read("-86400")
    assert all(now - then < -80000 for then, now in zip(before, after, strict=True))
    assert later > steady
