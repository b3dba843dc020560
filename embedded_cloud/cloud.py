"""The embedded cloud in one folder: moto, the control plane, the controllers and the engine."""

from __future__ import annotations

import shutil
import subprocess
import sys
import urllib.request
from dataclasses import dataclass, fields
from pathlib import Path

from embedded_cloud import cluster_dns
from embedded_cloud.control_plane import ControlPlane, Ports
from embedded_cloud.controllers import target_group_bindings
from embedded_cloud.engine import LocalEngine
from embedded_cloud.errors import EmbeddedCloudError
from embedded_cloud.nodes import cluster, prerequisites
from embedded_cloud.nodes.cluster import RunningNodes
from embedded_cloud.processes import Processes, stored_ports
from embedded_cloud.project import Built, Project

TOOLS = (
    *("pulumi", "pulumi-language-python-exec", "etcd", "kube-apiserver"),
    *("kube-controller-manager", "kube-scheduler", "kwok", "kwok-stages"),
)
MOTO = "moto"
SERVICES = (MOTO, "etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok", "controllers")


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """The embedded cloud of ``project`` in ``folder``. Several clouds can run on one machine, with different folders and ports."""

    project: Project
    folder: Path
    processes: Processes
    control_plane: ControlPlane
    engine: LocalEngine
    moto_port: int

    nodes: RunningNodes | None = None
    """The nodes, if they run containers; None if pods are simulated."""

    beside: Cloud | None = None
    """The cloud whose account this cloud shares; None if it has its own account."""

    @classmethod
    def open(cls, project: Project, folder: Path, beside: Cloud | None = None) -> Cloud:
        """The project's cloud in ``folder``, started or not. Missing programs are built."""
        folder.mkdir(parents=True, exist_ok=True)
        built = [each.tool for each in project.providers.values() if isinstance(each, Built)]
        if project.pods:
            prerequisites.require(project.instructions)
            cluster.require_real(project.processes(folder))
        tools = project.toolchain.ensure(*TOOLS, *built, *(cluster.TOOLS if project.pods else ()))
        # The kubeconfig and the state contain the ports, so the ports are stored, and a later start uses the same ports.
        ports = stored_ports(folder / "ports.json", "moto", *(field.name for field in fields(Ports)))
        moto = beside.moto_port if beside else ports["moto"]
        of_control_plane = Ports(**{field.name: ports[field.name] for field in fields(Ports)})
        processes, aws = project.processes(folder), f"http://127.0.0.1:{moto}"
        kubeconfig = processes.folder / "kubeconfig"
        engine = LocalEngine(project, folder, tools, moto, kubeconfig)
        nodes = None
        if project.pods:
            environment = _python_environment(engine)
            nodes = RunningNodes(
                project=project, processes=processes, tools=tools, api_port=of_control_plane.api, aws=aws, environment=environment
            )
        control_plane = ControlPlane(project, processes, tools, of_control_plane, aws, nodes.network.tunnel if nodes else None)
        return cls(
            project=project,
            folder=folder,
            processes=control_plane.processes,
            control_plane=control_plane,
            engine=engine,
            moto_port=moto,
            nodes=nodes,
            beside=beside,
        )

    def start(self) -> None:
        """Start the cloud's processes that do not run.

        The account is in moto's memory. If moto has ended, the cloud's data is removed and all processes start again.
        """
        if not self.processes.running():
            self.control_plane.require_free_ports()
        account = (self.beside or self).start_aws()
        if self._account_of_last_start() != account:
            self._start_anew(account)
        self.engine.install()
        if self.nodes:
            self.nodes.network.start()
        self.control_plane.launch()
        if self.nodes:
            self.nodes.start()
        # The next steps do not need the API server, so they run while it starts.
        self.wait_for_aws()
        self.engine.create_stack()
        self.engine.release_stranded_locks()
        self.engine.forget_interrupted_operations()
        self.control_plane.complete()
        if self.nodes:
            self.nodes.join(self.control_plane.kubeconfig, self.control_plane.pki)
        cluster_dns.install(self.control_plane.api, self.nodes.network.address if self.nodes else None)
        self.control_plane.api.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", target_group_bindings.definition())
        if "controllers" not in self.processes.running():
            volumes = [str(self.nodes.folder / "volumes")] if self.nodes else []
            self._start_python("controllers", "embedded_cloud.controllers", self.project.annotation_domain, *volumes)

    def start_aws(self) -> str:
        """Start moto unless it runs. Return the pid and start time of moto's process, which identify the account in its memory."""
        if "moto" not in self.processes.running():
            self.processes.stop()  # the other processes use the account of the previous moto
            self.processes.require_free(self.moto_port, "moto")
            self._start_python("moto", "embedded_cloud.moto_server", str(self.moto_port), self.project.account.to_json())
        moto = self.processes.running()["moto"]
        return f"{moto.pid} {moto.create_time()}"

    def _account_of_last_start(self) -> str:
        file = self.folder / "account"
        return file.read_text() if file.exists() else ""

    def _start_anew(self, account: str) -> None:
        """Remove the files of the previous account, which no longer exists, and store the identity of the new ``account``."""
        if self.beside:
            self.processes.stop()
        cluster.remove(self.folder)
        for leftover in ("etcd", "pki", "stack", cluster.FOLDER):
            shutil.rmtree(self.folder / leftover, ignore_errors=True)
        self.control_plane.kubeconfig.unlink(missing_ok=True)
        self.control_plane.require_free_ports()
        (self.folder / "account").write_text(account)

    def wait_for_aws(self) -> None:
        """Wait until moto answers. If this cloud shares an account, this is the moto of ``beside``."""
        owner = self.beside or self
        owner.processes.wait_until("moto", self.aws_answers)

    def aws_answers(self) -> bool:
        """Whether moto answers over HTTP."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.moto_port}/moto-api/", timeout=2):
                return True
        except OSError:
            return False

    def pulumi(self, *arguments: str) -> None:
        """Run the Pulumi CLI on the stack in the project's folder, with its output on the terminal."""
        self.run("pulumi", *arguments, "--stack", self.project.stack)

    def run(self, *command: str) -> None:
        """Run a command in the project's folder with the engine's environment. Raises ``EmbeddedCloudError`` if it fails."""
        done = subprocess.run(command, cwd=self.project.directory, env=self.engine.process_environment(), check=False)
        if done.returncode:
            raise EmbeddedCloudError(
                f"{' '.join(command[:2])} failed with exit code {done.returncode}",
                "fix the problem above, and run the same command again",
            )

    def _start_python(self, name: str, module: str, *arguments: str) -> None:
        self.processes.start(name, [sys.executable, "-m", module, *arguments], _python_environment(self.engine))


def _python_environment(engine: LocalEngine) -> dict[str, str]:
    return {
        **engine.environment(),
        **engine.python_environment(),
        "MOTO_ACCOUNT_ID": engine.project.account.id,
        "MOTO_ACM_VALIDATION_WAIT": "0",
        "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
    }


def remove(project: Project, folder: Path) -> None:
    """Stop every process of the project's cloud in ``folder``, and remove the folder."""
    project.processes(folder).stop()
    cluster.remove(folder)
    shutil.rmtree(folder, ignore_errors=True)
