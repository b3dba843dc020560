"""The table at the end of ``make up``: the running parts, and further commands and addresses."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

from rich.console import Console
from rich.table import Table

from contract import NAMESPACE
from embedded_cloud.cloud import Cloud
from sandbox.monitoring import SandboxMonitoring

NEXT = (
    ("try it, step by step", "docs/tutorial.md"),
    ("the tools in this shell", "source {env}"),
    ("look", "./dwcp status --environment {stack}"),
    ("is anything wrong?", "./dwcp doctor --environment {stack}"),
    ("a new release", "./dwcp deploy --environment {stack} --tag v3.1.0 --skip-tests"),
    ("stop and remove it all", "make down"),
)
"""Descriptions and commands, one per line."""


def print_platform(cloud: Cloud, console: Console, *, watched: bool) -> None:
    """Print the platform as the API server and the state contain it, not as it was requested."""
    state = cloud.engine.stack_export()
    deployments = cloud.control_plane.api.items(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments")
    table = Table("what", "state", title="DWCP v3 on the embedded cloud", title_justify="left")
    for deployment in deployments:
        wanted, ready = deployment["spec"]["replicas"], deployment["status"].get("readyReplicas", 0)
        table.add_row(f"Deployment {deployment['metadata']['name']}", f"{ready}/{wanted} ready")
    for package, count in sorted(Counter(_package(resource) for resource in state).items()):
        table.add_row(f"{package} resources", str(count))
    table.add_row("AWS API", f"http://127.0.0.1:{cloud.moto_port}")
    table.add_row("Kubernetes API", cloud.control_plane.url)
    console.print(table)
    recorded = [each for each in state if each.get("outputs", {}).get("sandboxRecorded")]
    for type_ in sorted({each["type"] for each in recorded}):
        names = ", ".join(sorted(each["urn"].rpartition("::")[2] for each in recorded if each["type"] == type_))
        console.print(f"recorded only, because nothing here stands for them: {type_} {names}", highlight=False, soft_wrap=True)
    for provider in cloud.project.providers:
        if own := cloud.engine.users_own(provider):
            console.print(f"the {provider} provider is your own: {own}", highlight=False)
    env, stack = os.path.relpath(cloud.folder / "env"), cloud.project.stack
    if not watched and cloud.beside is not None:
        console.print(f"no Prometheus is built yet, so there are no metrics; {cloud.project.instructions.up} again after")
        console.print("  .venv/bin/python -m sandbox tools prometheus", markup=False, highlight=False)
    elif not watched:
        console.print("no Prometheus is built yet; metrics are missing until `make monitoring` has built and started one")
    if cloud.beside is not None:
        file = f"Pulumi.{stack}.yaml"
        reads = "`drift`, `deploy` and `rollback` read the stack's file of the commit; give it the generated secrets first:"
        console.print(reads, soft_wrap=True)
        commit = f"git switch -c sandbox-{stack} && cp {os.path.relpath(cloud.folder / file)} {file} && git commit -am sandbox"
        console.print(f"  {commit}", markup=False, highlight=False, soft_wrap=True)
    for what, command in NEXT if cloud.beside is None else NEXT[1:]:  # the tutorial is about `local`
        shown = command.format(env=env, stack=stack)
        console.print(f"  {what + ':':26}{shown}", markup=False, highlight=False, soft_wrap=True)


def _package(resource: dict[str, Any]) -> str:
    return resource["type"].split(":", 1)[0]


def print_monitoring(monitoring: SandboxMonitoring, console: Console) -> None:
    """Print the scraped targets, the firing alerts, and the addresses for further reading and changes."""
    table = Table("target", "up", title="What the real Prometheus scrapes", title_justify="left")
    up = Counter((target["labels"]["job"], target["health"] == "up") for target in monitoring.targets())
    for job in sorted({job for job, _ in up}):
        table.add_row(job, f"{up[job, True]}/{up[job, True] + up[job, False]}")
    console.print(table)
    console.print(f"alerts that fire: {', '.join(sorted(monitoring.firing())) or 'none'}")
    for what, url in (
        ("targets", f"{monitoring.prometheus_url}/api/v1/targets"),
        ("alerts", f"{monitoring.prometheus_url}/api/v1/alerts"),
        ("queries", f"{monitoring.prometheus_url}/api/v1/query?query=up"),
        ("the simulated load", f"{monitoring.simulator_url}/control"),
    ):
        console.print(f"{what + ':':20}{url}", soft_wrap=True, highlight=False)
    console.print("make a version fail:", highlight=False)
    body = '{"errorRate": 0.2, "latencySeconds": 2}'
    console.print(f"  curl -X PUT {monitoring.simulator_url}/control/versions/v3.0.0 -d '{body}'", soft_wrap=True, highlight=False)
