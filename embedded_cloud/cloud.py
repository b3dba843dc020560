"""The embedded cloud as one thing: moto, the control plane, the controllers and the engine, in one folder."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import urllib.request
from dataclasses import dataclass, fields
from pathlib import Path

from embedded_cloud.control_plane import ControlPlane, Ports
from embedded_cloud.controllers import target_group_bindings
from embedded_cloud.engine import Engine
from embedded_cloud.errors import EmbeddedCloudError
from embedded_cloud.processes import Processes, free_ports
from embedded_cloud.project import Built, Project

TOOLS = (
    *("pulumi", "pulumi-language-python-exec", "etcd", "kube-apiserver"),
    *("kube-controller-manager", "kube-scheduler", "kwok", "kwok-stages"),
)
SERVICES = ("moto", "etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok", "controllers")


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """The embedded cloud of ``project`` in ``folder``. Several may run on one machine: their folders and ports differ."""

    project: Project
    folder: Path
    processes: Processes
    control_plane: ControlPlane
    engine: Engine
    moto_port: int

    @classmethod
    def open(cls, project: Project, folder: Path) -> Cloud:
        """The project's cloud in ``folder``, started or not; builds the programs it needs that are missing."""
        folder.mkdir(parents=True, exist_ok=True)
        built = [each.tool for each in project.providers.values() if isinstance(each, Built)]
        tools = project.toolchain.ensure(*TOOLS, *built)
        ports = _ports(folder)
        of_control_plane = Ports(**{field.name: ports[field.name] for field in fields(Ports)})
        control_plane = ControlPlane(project, project.processes(folder), tools, of_control_plane)
        return cls(
            project=project,
            folder=folder,
            processes=control_plane.processes,
            control_plane=control_plane,
            engine=Engine(project, folder, tools, ports["moto"], control_plane.kubeconfig),
            moto_port=ports["moto"],
        )

    def start(self) -> None:
        """Start what does not run. AWS lives in moto's memory: when moto is gone, so is everything, and all starts anew."""
        if "moto" not in self.processes.running():
            self.processes.stop()
            for leftover in ("etcd", "pki", "stack"):
                shutil.rmtree(self.folder / leftover, ignore_errors=True)
            self.control_plane.kubeconfig.unlink(missing_ok=True)
            self.processes.require_free(self.moto_port, "moto")
            self.control_plane.require_free_ports()
            self._start_python("moto", "embedded_cloud.moto_server", str(self.moto_port), self.project.account.to_json())
        self.engine.install()
        self.control_plane.launch()
        # While the API server gets ready:
        self.processes.wait_until("moto", self.aws_answers)
        self.engine.create_stack()
        self.engine.release_stranded_locks()
        self.engine.forget_interrupted_operations()
        self.control_plane.complete()
        self.control_plane.api.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", target_group_bindings.definition())
        if "controllers" not in self.processes.running():
            self._start_python("controllers", "embedded_cloud.controllers", self.project.annotation_domain)

    def aws_answers(self) -> bool:
        """Whether moto answers over HTTP."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.moto_port}/moto-api/", timeout=2):
                return True
        except OSError:
            return False

    def pulumi(self, *arguments: str) -> None:
        """Run the stock CLI on the stack in the project's folder, its output shown as it comes."""
        command = [self.engine.bin / "pulumi", *arguments, "--stack", self.project.stack]
        done = subprocess.run(command, cwd=self.project.directory, env=self.engine.process_environment(), check=False)
        if done.returncode:
            raise EmbeddedCloudError(
                f"pulumi {arguments[0]} failed with exit code {done.returncode}",
                "the message above names the resource; correct it and run the same command again: it goes on from there",
            )

    def _start_python(self, name: str, module: str, *arguments: str) -> None:
        environment = {
            **self.engine.environment(),
            **self.engine.python_environment(),
            "MOTO_ACM_VALIDATION_WAIT": "0",
            "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
        }
        self.processes.start(name, [sys.executable, "-m", module, *arguments], environment)


def remove(project: Project, folder: Path) -> None:
    """Stop every process of the project's cloud in ``folder`` and remove every file of it."""
    project.processes(folder).stop()
    shutil.rmtree(folder, ignore_errors=True)


def _ports(folder: Path) -> dict[str, int]:
    """The cloud's ports, chosen once and kept, because the kubeconfig and the state name them."""
    file = folder / "ports.json"
    try:
        return json.loads(file.read_text())
    except (OSError, ValueError):
        names = ("moto", *(field.name for field in fields(Ports)))
        ports = dict(zip(names, free_ports(len(names)), strict=True))
        file.write_text(json.dumps(ports))
        return ports
