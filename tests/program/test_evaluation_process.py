"""The evaluation of any program: its output is not part of the result, a timeout ends it, and it leaves no process."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from program import evaluation_process
from program.evaluation import EvaluationError, evaluate, evaluate_worlds
from program.graph import UNKNOWN, Graph

VPC = """
import pulumi
from pulumi_aws import Provider, ec2

ec2.Vpc("vpc", opts=pulumi.ResourceOptions(provider=Provider("aws")))
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "Pulumi.yaml").write_text("name: dwcp-v3\nruntime: python\n")
    (tmp_path / "Pulumi.staging.yaml").write_text("config: {}\n")
    return tmp_path


def result_of(checkout: Path, program: str) -> Graph | EvaluationError:
    (checkout / "__main__.py").write_text(program)
    return evaluate(["staging"], checkout)["staging"]


NOISE = """
import os, subprocess, sys

os.write(1, b'{"stack": "staging"}\\n')
os.write(2, b"noise\\n")
subprocess.run(["echo", "noise"], check=True)
sys.__stdout__.write("noise")
"""


def test_output_of_the_program_is_not_part_of_the_result(checkout: Path) -> None:
    graph = result_of(checkout, NOISE + VPC)
    assert isinstance(graph, Graph), graph
    assert [each.name for each in graph.of("Vpc")] == ["vpc"]


def test_child_processes_end_with_the_evaluation(checkout: Path) -> None:
    start = "import subprocess\nchild = subprocess.Popen(['sleep', '300'])\nopen('pid', 'w').write(str(child.pid))\n"
    assert isinstance(result_of(checkout, start + VPC), Graph)
    assert ends(int((checkout / "pid").read_text()))


def test_a_timeout_reports_the_location_and_ends_all_children(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation_process, "TIMEOUT_SECONDS", 4)
    monkeypatch.setattr(evaluation_process, "GRACE_SECONDS", 60)
    program = (
        "import subprocess, threading\n"
        "child = subprocess.Popen(['sleep', '300'], start_new_session=True)\n"
        "open('pid', 'w').write(str(child.pid))\n"
        "def wait_for_nothing():\n    threading.Event().wait()\n"
        "wait_for_nothing()\n"
    )
    error = result_of(checkout, program)
    assert isinstance(error, EvaluationError)
    assert "did not end within 4 s; it was at\n  __main__.py:5 in wait_for_nothing\n  __main__.py:6 in <module>" in str(error)
    assert ends(int((checkout / "pid").read_text()))


def ends(pid: int) -> bool:
    """Whether the process ends within 10 seconds; init reaps a killed process that has no parent."""
    end = time.monotonic() + 10
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        while process.status() != psutil.STATUS_ZOMBIE:
            if time.monotonic() > end:
                return False
            time.sleep(0.02)
    return True


def test_both_worlds_are_evaluated_in_one_process(checkout: Path) -> None:
    subnet = "\nvpc = ec2.Vpc('v', opts=o)\nec2.Subnet('subnet', vpc_id=vpc.id, opts=o)\n"
    options = "\nfrom pulumi_aws import Provider, ec2\no = __import__('pulumi').ResourceOptions(provider=Provider('aws'))\n"
    count = "\nimport os\nwith open('pids', 'a') as file:\n    print(os.getpid(), file=file)\n"
    (checkout / "__main__.py").write_text(options + subnet + count)
    worlds = evaluate_worlds(["staging"], checkout)["staging"]
    assert not isinstance(worlds, EvaluationError), worlds
    assert [each.of("Subnet")[0].inputs["vpcId"] for each in (worlds.known, worlds.unknown)] == ["v-id", UNKNOWN]
    evaluations = (checkout / "pids").read_text().split()
    assert (len(evaluations), len(set(evaluations))) == (2, 1)
