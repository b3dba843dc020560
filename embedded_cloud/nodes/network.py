"""The network that connects the nodes: a bridge, the cluster's DNS, and connections to and from the host.

No interface and no route connects this network to the host's network. Each connection between the two networks goes through a
process that has a socket in each of them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from embedded_cloud.nodes.machines import Machine
from embedded_cloud.nodes.node import DOMAIN
from embedded_cloud.processes import Processes

NETWORK = "network"
DNS = "coredns"
API_PROXY = "api-proxy"
TUNNEL = "tunnel"

HAPROXY_CONFIG = """
global
  maxconn 2000
defaults
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
listen {name}
  bind fd@{file}
  server one {target}
"""

COREFILE = """.:53 {{
  bind {address}
  errors
  cache 5
  kubernetes {domain} {{
    kubeconfig {kubeconfig}
  }}
}}
"""


@dataclass(frozen=True, kw_only=True)
class NodeNetwork:
    """The network of the cloud's nodes; ``address`` is the source address of requests from outside the cluster."""

    processes: Processes
    tools: dict[str, Path]
    address: str
    prefix: int
    api_port: int
    environment: Mapping[str, str]
    """The environment of the cloud's own Python processes."""

    @property
    def folder(self) -> Path:
        """The network's folder."""
        return self.processes.folder / "nodes" / NETWORK

    @property
    def kubeconfig(self) -> Path:
        """The file of the administrator's kubeconfig for programs on the network."""
        return self.folder / "kubeconfig"

    @cached_property
    def machine(self) -> Machine:
        """The network's namespaces."""
        return Machine(self.processes, NETWORK, self.folder)

    @property
    def tunnel(self) -> Path:
        """The Unix socket through which the API server reaches nodes and pods."""
        return self.folder / "tunnel.sock"

    def start(self) -> None:
        """Start the bridge, and the connections from and to the API server, unless they run."""
        if NETWORK not in self.processes.running():
            self.machine.start()
            self.machine.ip("link", "add", "cluster", "type", "bridge")
            self.machine.ip("address", "add", f"{self.address}/{self.prefix}", "dev", "cluster")
            self.machine.ip("link", "set", "cluster", "up")
        if API_PROXY not in self.processes.running():
            with self.machine.listener(self.address, self.api_port) as listening:
                config = self.folder / "api.cfg"
                config.write_text(HAPROXY_CONFIG.format(name="api", file=listening.fileno(), target=f"127.0.0.1:{self.api_port}"))
                self.processes.start(API_PROXY, ["haproxy", "-db", "-f", config], files=[listening.fileno()])
        if TUNNEL not in self.processes.running():
            with self.machine.namespace() as namespace:
                command = [sys.executable, "-m", "embedded_cloud.nodes.tunnel", self.tunnel]
                self.processes.start(TUNNEL, command, self.environment, standard_input=namespace)

    def write_kubeconfig(self, kubeconfig: Path) -> None:
        """Write the administrator's kubeconfig for programs on the network."""
        content = json.loads(kubeconfig.read_text())
        # The API server's certificate is not valid for this address. It is valid for the name localhost.
        content["clusters"][0]["cluster"] |= {"server": f"https://{self.address}:{self.api_port}", "tls-server-name": "localhost"}
        self.kubeconfig.write_text(json.dumps(content, indent=2))
        self.kubeconfig.chmod(0o600)

    def start_dns(self) -> None:
        """Start the cluster's DNS unless it runs."""
        if DNS not in self.processes.running():
            corefile = self.folder / "Corefile"
            corefile.write_text(COREFILE.format(address=self.address, domain=DOMAIN, kubeconfig=self.kubeconfig))
            self.processes.start(DNS, self.machine.on_network(self.tools["coredns"], "-conf", corefile))
