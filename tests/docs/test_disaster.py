"""The procedures of docs/disaster.md: the commands on the page restore lost data, and each test prints the time that they take."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fences import Fence, fences
from redis_server import needs_redis, redis_server
from standing import Standing, standing

KEYS = 10_000
STATE_BUCKET, STATE_KEY = "novacron-terraform-state", "dwcp-v3/.pulumi/stacks/dwcp-v3/local.json"
CLAIM = "/api/v1/namespaces/dwcp-v3/persistentvolumeclaims/dwcp-v3-redis"


@contextmanager
def printed_duration(what: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    print(f"MEASURED {what}: {time.monotonic() - started:.1f} s")


def block(start: str) -> Fence:
    """The block of the page whose first command begins with ``start``."""
    [found] = [each for each in fences() if each.page == "disaster" and each.text.lstrip().startswith(start)]
    return found


@pytest.fixture(scope="module")
def platform() -> Standing:
    return standing()


@pytest.mark.cloud
def test_a_lost_state_is_restored(platform: Standing) -> None:
    s3 = platform.client("s3")
    platform.shell(block("./dwcp state backup").text)
    s3.delete_object(Bucket=STATE_BUCKET, Key=STATE_KEY)
    verified = platform.dwcp("state", "verify", "--environment", "local")
    assert verified.returncode == 1, verified.stdout
    with printed_duration("state"):
        platform.shell(block("./dwcp state restore").text)
    platform.shell(block("./dwcp state verify").text)
    assert platform.drift()["exitCode"] == 0


@pytest.mark.cloud
def test_a_restored_volume_replaces_the_volume_of_redis(platform: Standing) -> None:
    ec2 = platform.client("ec2")
    old = platform.get(CLAIM)["spec"]["volumeName"]
    volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=10, VolumeType="gp3", Encrypted=True)["VolumeId"]
    snapshot = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    restored = ec2.create_volume(AvailabilityZone="us-east-1a", SnapshotId=snapshot, VolumeType="gp3", Encrypted=True)["VolumeId"]
    with printed_duration("volume"):
        platform.shell(block("kubectl scale deployment/dwcp-v3-redis -n dwcp-v3 --replicas=0").text)
        platform.shell(block("NEW_VOLUME=").text, NEW_VOLUME=restored, ZONE="us-east-1a")
        platform.shell(block("kubectl scale deployment/dwcp-v3-redis -n dwcp-v3 --replicas=1").text)
    claim = platform.get(CLAIM)
    bound = platform.get(f"/api/v1/persistentvolumes/{claim['spec']['volumeName']}")
    assert (claim["status"]["phase"], bound["spec"]["csi"]["volumeHandle"]) == ("Bound", restored)
    assert platform.get(f"/api/v1/persistentvolumes/{old}")["status"]["phase"] == "Released"  # the procedure keeps the old volume
    platform.up()
    assert platform.drift()["exitCode"] == 0
    platform.wait("the platform is ready again", platform.settled, seconds=120)


@needs_redis
def test_restored_redis_files_contain_every_key(tmp_path: Path) -> None:
    """The server is real, with the platform's configuration. The copy is taken while it runs, as a snapshot is."""
    data, snapshot = tmp_path / "data", tmp_path / "snapshot"
    data.mkdir()
    with redis_server(tmp_path, data) as cli:
        lines = "\n".join(f"SET key:{number} value-{number}" for number in range(KEYS))
        subprocess.run(cli, input=lines, text=True, check=True, capture_output=True)
        time.sleep(1.2)  # with appendfsync everysec, a write is on the disk after a second
        shutil.copytree(data, snapshot)
    shutil.rmtree(data)
    with printed_duration("redis"):
        shutil.copytree(snapshot, data)
        with redis_server(tmp_path, data) as cli:
            size = subprocess.run([*cli, "DBSIZE"], text=True, check=True, capture_output=True).stdout
            last = subprocess.run([*cli, "GET", f"key:{KEYS - 1}"], text=True, check=True, capture_output=True).stdout
    assert (size.strip(), last.strip()) == (str(KEYS), f"value-{KEYS - 1}")
