"""The sandbox with real pods, which are containers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rich.console import Console

from embedded_cloud.cloud import Cloud
from embedded_cloud.nodes.cluster import FOLDER as NODES
from embedded_cloud.nodes.cluster import GROUPS
from embedded_cloud.project import Project, RealPods
from program.checkout import CHECKOUT
from sandbox.images.pods import archive, substituted
from sandbox.project import MONITORING, PROJECT

REAL = RealPods(
    gateway="10.0.192.10",  # in a public subnet, like the addresses of the load balancer
    prefix=16,
    images=archive,
)


def project_in(folder: Path, *, real: bool = False) -> Project:
    """The project of the cloud in ``folder``. If its pods are real, they stay real until `make down`."""
    return replace(PROJECT, pods=REAL) if real or (folder / NODES).exists() else PROJECT


def write_stack_file(cloud: Cloud) -> Path:
    """Write the stack file for real pods and return its path. With this file, Prometheus is a pod that scrapes the other pods."""
    name = f"Pulumi.{PROJECT.stack}.yaml"
    file = cloud.folder / name
    file.write_text((CHECKOUT / name).read_text().replace("outsideCluster: true", "outsideCluster: false"))
    return file


def export(cloud: Cloud) -> None:
    """Write the variables of `dwcp` to the file that `dwcp` and a shell read.

    The variables contain no address of Prometheus, because `dwcp` finds the pod of Prometheus in the cluster.
    """
    assert cloud.nodes is not None
    file = cloud.folder / MONITORING / "env"
    file.parent.mkdir(exist_ok=True)
    file.write_text("".join(f"export {name}='{value}'\n" for name, value in variables(cloud).items()))


def variables(cloud: Cloud) -> dict[str, str]:
    """The variables of `dwcp`: the kind of the pods, and the service's address."""
    assert cloud.nodes is not None
    return {"DWCP_PODS": "real", "DWCP_SERVICE_URL": f"http://127.0.0.1:{cloud.nodes.ports[GROUPS]}/tracks/{{track}}"}


def print_real(cloud: Cloud, console: Console) -> None:
    """Print the command that calls the service, and the images that are substitutes."""
    assert cloud.nodes is not None
    port = cloud.nodes.ports["443"]
    host = next(iter(cloud.nodes.hosts()))
    console.print(f"pods are containers; the load balancer is HAProxy at https://127.0.0.1:{port}", highlight=False)
    command = f"curl --insecure --connect-to {host}:443:127.0.0.1:{port} https://{host}/health"
    console.print(f"  {'call the service:':26}{command}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"these images are substitutes with the names of the real images: {', '.join(substituted())}", highlight=False)
