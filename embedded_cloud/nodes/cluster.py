"""The nodes that run containers, their network, and the load balancer in front of their pods."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from embedded_cloud.errors import EmbeddedCloudError
from embedded_cloud.nodes.images import store
from embedded_cloud.nodes.load_balancer import ProxySettings, Wanted, configuration
from embedded_cloud.nodes.machines import listener, remove_groups
from embedded_cloud.nodes.network import NodeNetwork
from embedded_cloud.nodes.node import RealNode
from embedded_cloud.processes import Processes, stored_ports
from embedded_cloud.project import Project

TOOLS = ("kubelet", "kube-proxy", "coredns")
FOLDER = "nodes"
"""The nodes' folder; it exists only if the cloud's pods are real."""
HAPROXY = "haproxy"
LOAD_BALANCER = "load-balancer"
WEB_PORTS = (443, 80)
GROUPS = "groups"
"""The name of the load balancer's port for requests whose path selects a target group."""


@dataclass(frozen=True, kw_only=True)
class RunningNodes:
    """All nodes of a cloud with real pods."""

    project: Project
    processes: Processes
    tools: dict[str, Path]
    api_port: int
    aws: str
    environment: Mapping[str, str]
    """The environment of the cloud's own Python processes."""

    @property
    def folder(self) -> Path:
        """The nodes' folder."""
        return self.processes.folder / FOLDER

    @cached_property
    def ports(self) -> dict[str, int]:
        """The load balancer's ports on 127.0.0.1, by listener port or :data:`GROUPS`; they are chosen once and stored."""
        return stored_ports(self.folder / "ports.json", *map(str, WEB_PORTS), GROUPS)

    @cached_property
    def network(self) -> NodeNetwork:
        """The network that connects the nodes."""
        pods = self.project.pods
        assert pods is not None
        return NodeNetwork(
            processes=self.processes,
            tools=self.tools,
            address=pods.gateway,
            prefix=pods.prefix,
            api_port=self.api_port,
            environment=self.environment,
        )

    @cached_property
    def nodes(self) -> list[RealNode]:
        """The nodes."""
        return [RealNode(node=node, processes=self.processes, tools=self.tools) for node in self.project.nodes]

    def start(self) -> None:
        """Start the machines, connect them to the network, start their containerds, and load the images."""
        pods = self.project.pods
        assert pods is not None
        archive = pods.images()
        unpacked = store(archive)
        for node in self.nodes:
            node.start(self.network.machine, self.network.address, self.network.prefix, self.nodes, unpacked)
        with ThreadPoolExecutor(len(self.nodes)) as pool:
            list(pool.map(lambda node: node.load(archive), self.nodes))

    def join(self, kubeconfig: Path, pki: Path) -> None:
        """Start DNS, kubelets, kube-proxies and load balancer. The API server must be ready, and the nodes must be registered."""
        self.network.write_kubeconfig(kubeconfig)
        self.network.start_dns()
        for node in self.nodes:
            node.join(self.network.kubeconfig, self.network.address, pki)
        self._start_haproxy(pki)
        if LOAD_BALANCER not in self.processes.running():
            pid = str(self.processes.running()[HAPROXY].pid)
            command = [sys.executable, "-m", "embedded_cloud.nodes.load_balancer", self._settings_file, pid]
            self.processes.start(LOAD_BALANCER, command, self.environment)

    def hosts(self) -> list[str]:
        """The host names in the rules of the configured load balancer."""
        text = (self.network.folder / "haproxy.cfg").read_text()
        return sorted({host for hosts in re.findall(r"-m str -i ([^}]+) }", text) for host in hosts.split()})

    @property
    def _settings_file(self) -> Path:
        return self.folder / "load-balancer.json"

    def _start_haproxy(self, pki: Path) -> None:
        if HAPROXY in self.processes.running():
            return
        folder = self.network.folder
        (folder / "certificate.pem").write_text((pki / "api.crt").read_text() + (pki / "api.key").read_text())
        sockets = {name: listener("127.0.0.1", port) for name, port in self.ports.items()}
        try:
            settings = ProxySettings(
                folder=folder,
                files={port: sockets[str(port)].fileno() for port in WEB_PORTS},
                ports={port: self.ports[str(port)] for port in WEB_PORTS},
                by_group=sockets[GROUPS].fileno(),
                aws=self.aws,
            )
            self._settings_file.write_text(json.dumps({**asdict(settings), "folder": str(folder)}))
            settings.config.write_text(configuration(Wanted(), settings))
            command = self.network.machine.on_network("haproxy", "-W", "-f", settings.config)
            self.processes.start(HAPROXY, command, files=[each.fileno() for each in sockets.values()])
        finally:
            for each in sockets.values():
                each.close()


def require_real(processes: Processes) -> None:
    """Raise ``EmbeddedCloudError`` if the cloud already runs with simulated pods."""
    if processes.running() and not (processes.folder / FOLDER).exists():
        raise EmbeddedCloudError("this embedded cloud already runs with simulated pods", f"{processes.instructions.down} first")


def remove(folder: Path) -> None:
    """Remove the cloud's control groups, which are outside of ``folder``. All processes of the cloud must have ended."""
    if (folder / FOLDER).exists():
        remove_groups(folder)
