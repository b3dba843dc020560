"""Processes of a cloud are identified by their environment, and their handles live longer than the object that dropped them."""

from __future__ import annotations

import gc
import socket
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded_cloud.errors import EmbeddedCloudError
from embedded_cloud.instructions import Instructions
from embedded_cloud.processes import Processes, free_ports
from program.checkout import CHECKOUT

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    processes = Processes(tmp_path, "TEST_CLOUD", Instructions())
    yield processes
    processes.stop()


def test_what_was_started_is_found_by_another_until_it_is_stopped(processes: Processes) -> None:
    processes.start("sleeper", SLEEP)
    other = Processes(processes.folder, "TEST_CLOUD", Instructions())
    assert other.running().keys() == {"sleeper"}
    other.stop()
    assert processes.every() == []


def test_the_owner_variable_tells_clouds_apart(processes: Processes) -> None:
    processes.start("sleeper", SLEEP)
    assert Processes(processes.folder, "OTHER_CLOUD", Instructions()).every() == []


def test_a_process_that_goes_on_is_no_leak(processes: Processes) -> None:
    """The warning comes from a destructor, where an error would not reach the test. For this reason, warnings are recorded."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        processes.start("sleeper", SLEEP)
        gc.collect()
    assert not [each for each in warned if "still running" in str(each.message)]
    assert processes.running().keys() == {"sleeper"}


def test_a_chosen_port_is_not_chosen_again_before_a_server_listens_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    [chosen] = free_ports(1)
    other = "import sys; from embedded_cloud import processes; processes.SERVER_PORTS = [int(sys.argv[1])]; processes.free_ports(1)"
    monkeypatch.setattr("embedded_cloud.processes.SERVER_PORTS", [chosen])
    with pytest.raises(EmbeddedCloudError, match="fewer than 1 free ports"):
        free_ports(1)
    done = subprocess.run([sys.executable, "-c", other, str(chosen)], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert "fewer than 1 free ports" in done.stderr
    with socket.socket() as server:
        server.bind(("127.0.0.1", chosen))
