"""Issue 6: how long a breach lasts before the traffic is off it, and what a rollback costs beside kubectl's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from statistics import median

import boto3

from bench import Figure, Options
from components.monitoring.gates import gates
from delivery.state.lease import KEY, TABLE
from sandbox.cloud import Cloud
from sandbox.engine import CHECKOUT, STACK
from sandbox.monitoring import Monitoring

SPEED = 30
"""Prometheus scrapes every second."""
INTERVAL_SECONDS = 1.0
REQUESTS_PER_SECOND = 1000
WINDOW_SECONDS = 10
IMAGE = "ghcr.io/novacron/dwcp-v3:v9.{}.0"
END_SECONDS = 120


def figures(options: Options) -> Iterator[Figure]:
    """On one platform, release after release."""
    folder = Path(tempfile.mkdtemp(prefix="dwcp-bench-rollout-"))
    cloud = Cloud.open(folder)
    try:
        cloud.start()
        cloud.engine.pulumi("up", "--yes", "--skip-preview", "--stack", STACK)
        monitoring = Monitoring(cloud=cloud, speed=SPEED)
        monitoring.start()
        monitoring.control("load", "PUT", requestsPerSecond=REQUESTS_PER_SECOND)
        prepare(cloud)
        taken = [breach_to_zero(cloud, monitoring, IMAGE.format(run)) for run in range(options.runs)]
    finally:
        cloud.processes.stop()
    yield Figure(
        name="from the scrape that shows a breach to weight 0 read back",
        value=median(taken),
        unit="s",
        target=f"one query interval + 1 s, here {INTERVAL_SECONDS + 1:g} s",
        how=f"errors begin in mid-analysis; scrapes every 1 s, gates asked every {INTERVAL_SECONDS:g} s; worst {max(taken):.2f} s",
    )


def prepare(cloud: Cloud) -> None:
    """The table of leases."""
    clients = {"endpoint_url": f"http://127.0.0.1:{cloud.moto_port}", "region_name": "us-east-1"}
    dynamodb = boto3.client("dynamodb", aws_access_key_id="sandbox", aws_secret_access_key="sandbox", **clients)
    dynamodb.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": KEY, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": KEY, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


def breach_to_zero(cloud: Cloud, monitoring: Monitoring, image: str) -> float:
    """Seconds from the first sample whose error rate is over the limit until the rollout has read weight 0 back."""
    options = ("--wait-time", "60", "--interval", str(INTERVAL_SECONDS), "--propagation-time", "1", "--environment", STACK)
    environment = {
        **cloud.engine.process_environment(),
        "DWCP_PROMETHEUS_URL": monitoring.prometheus_url,
        "DWCP_WORK_DIR": str(cloud.folder / "work"),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "delivery", "rollout", "--image", image, "--json", *options],
        cwd=CHECKOUT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    breach = zero = 0.0
    for line in process.stdout:
        event = json.loads(line)
        if event["event"] == "wait" and event["phase"] == "analyse" and event["text"].startswith("passed") and not breach:
            monitoring.control(f"versions/{image.rpartition(':')[2]}", "PUT", errorRate=0.5)
            breach = first_breach(monitoring, float(event["seen"]["seconds"]))
        if event["event"] == "phase" and event["phase"] == "drain":
            zero = datetime.fromisoformat(event["at"]).timestamp()
    process.wait(END_SECONDS)
    return zero - breach


def first_breach(monitoring: Monitoring, seconds: float) -> float:
    """When Prometheus first had a sample that the gate of a window begun ``seconds`` ago fails on."""
    gate = next(each for each in gates() if each.name == "error rate")
    started = time.time() - seconds
    while True:
        query = gate.query("canary", max(1, int(time.time() - started)))
        value = monitoring.value(query)
        if value is not None and value > gate.threshold:
            newest = monitoring.value('max(timestamp(dwcp_errors_total{track="canary"}))')
            assert newest is not None
            return newest
        time.sleep(0.02)
