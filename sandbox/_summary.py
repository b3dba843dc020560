"""The output at the end of ``make up`` and ``make monitoring``: what runs, the addresses, and the next commands."""

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
    ("set up this shell", "source {env}"),
    ("see what is deployed", "./dwcp status --environment {stack}"),
    ("find problems", "./dwcp doctor --environment {stack}"),
    ("deploy a new release", "./dwcp deploy --environment {stack} --tag v3.1.0 --skip-tests"),
    ("stop and remove it all", "make down"),
)
"""The next commands, each with a description."""


def print_platform(cloud: Cloud, console: Console, *, watched: bool) -> None:
    """Print the Deployments from the API server, the resources from the stack's state, and the next commands."""
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
        what = f"only recorded in the state, because the embedded cloud cannot create them: {type_}: {names}"
        console.print(what, highlight=False, soft_wrap=True)
    for provider in cloud.project.providers:
        if own := cloud.engine.users_own(provider):
            console.print(f"the {provider} provider is the plugin in your ~/.pulumi: {own}", highlight=False)
    env, stack = os.path.relpath(cloud.folder / "env"), cloud.project.stack
    if not watched and cloud.beside is not None:
        console.print(f"Prometheus is not built, so there are no metrics. Build it, then {cloud.project.instructions.up} again:")
        console.print("  .venv/bin/python -m sandbox tools prometheus", markup=False, highlight=False)
    elif not watched:
        console.print("Prometheus is not built, so there are no metrics; `make monitoring` builds and starts it")
    if cloud.beside is not None:
        file = f"Pulumi.{stack}.yaml"
        needs = f"`dwcp deploy`, `drift` and `doctor` need the generated secrets in {file}"
        console.print(f"{needs}, and `deploy` to production needs a commit:", soft_wrap=True)
        commit = f"git switch -c sandbox-{stack} && cp {os.path.relpath(cloud.folder / file)} {file} && git commit -am sandbox"
        console.print(f"  {commit}", markup=False, highlight=False, soft_wrap=True)
    for what, command in NEXT if cloud.beside is None else NEXT[1:]:  # the tutorial is about `local`
        shown = command.format(env=env, stack=stack)
        console.print(f"  {what + ':':26}{shown}", markup=False, highlight=False, soft_wrap=True)


def _package(resource: dict[str, Any]) -> str:
    return resource["type"].split(":", 1)[0]


def print_monitoring(monitoring: SandboxMonitoring, console: Console) -> None:
    """Print the scraped targets, the firing alerts, and the URLs of Prometheus and the simulator."""
    table = Table("target", "up", title="Targets of Prometheus", title_justify="left")
    up = Counter((target["labels"]["job"], target["health"] == "up") for target in monitoring.targets())
    for job in sorted({job for job, _ in up}):
        table.add_row(job, f"{up[job, True]}/{up[job, True] + up[job, False]}")
    console.print(table)
    console.print(f"firing alerts: {', '.join(sorted(monitoring.firing())) or 'none'}")
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
