"""The description of DWCP v3 for the embedded cloud: the names and numbers that the embedded cloud needs."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

import contract
from embedded_cloud.project import PROVIDERS, Account, Cache, Instructions, Node, Project, SecretsKey, Toolchain
from program.checkout import CHECKOUT
from sandbox import failing_pods

FOLDER = Path(os.environ.get("DWCP_SANDBOX_FOLDER", CHECKOUT / ".sandbox"))
"""The folder of this checkout's sandbox."""

MONITORING = "monitoring"
"""The name of the subfolder for Prometheus and the simulator."""

SIMULATOR = "simulator"
"""The name of the process that simulates load and answers for the pods."""

INSTRUCTIONS = Instructions(
    setup="run `make setup`",
    up="run `make up`",
    down="run `make down`",
    status="check the processes with `make status`",
    environment="run `source .sandbox/env`",
)

TOOLCHAIN = Toolchain(
    cache=Cache.of(variable="DWCP_TOOLCHAIN", default=platformdirs.user_cache_path(contract.PROJECT) / "toolchain"),
    instructions=INSTRUCTIONS,
)

PROJECT = Project(
    directory=CHECKOUT,
    name=contract.PROJECT,
    stack="local",
    cluster=f"{contract.APPLICATION}-local",
    bucket=contract.STATE_BUCKET,
    account=Account(
        id="111122223333",  # the account in the stack files
        # This key encrypts the data key in Pulumi.local.yaml, which protects only the sandbox's dummy secrets.
        secrets_key=SecretsKey(
            alias=f"alias/{contract.PROJECT}-local",
            id="00000000-0000-4000-8000-000000000003",
            material=f"{contract.PROJECT} sandbox, not a secret!!!",
        ),
        hosted_zones=("example.com.", "staging.example.com."),  # for the stacks' certificates
        services=("dynamodb",),  # for the lease of `dwcp`
    ),
    providers=PROVIDERS,
    # There is one node per zone, in the zone's private subnet, so that topology spread constraints have an effect.
    nodes=(
        Node(name="node-a", zone="us-east-1a", address="10.0.8.10"),
        Node(name="node-b", zone="us-east-1b", address="10.0.40.10"),
        Node(name="node-c", zone="us-east-1c", address="10.0.72.10"),
    ),
    toolchain=TOOLCHAIN,
    instructions=INSTRUCTIONS,
    pod_stages=failing_pods.stages,
    pods_process=SIMULATOR,
    annotation_domain=failing_pods.DOMAIN,
    environment_files=(f"{MONITORING}/env",),
    owner_variable="DWCP_SANDBOX",
)
