"""A node: a machine with containerd, kubelet and kube-proxy, connected to the nodes' network."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from embedded_cloud.errors import EmbeddedCloudError
from embedded_cloud.nodes.images import NAMESPACE, copy
from embedded_cloud.nodes.machines import Machine, group_of, make_group
from embedded_cloud.nodes.prerequisites import CNI
from embedded_cloud.processes import Processes
from embedded_cloud.project import Node

CONTAINERD_SECONDS = 30
DOMAIN = "cluster.local"
PAUSE = "registry.k8s.io/pause:3.8"
"""The image of the container that holds a pod's namespaces. ``RealPods.images`` must contain it: nodes cannot pull images."""

CONTAINERD = """
version = 2
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.tracing.processor.v1.otlp"]
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  restrict_oom_score_adj = true  # if containerd itself runs in a container, it is not allowed to lower an OOM score
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{bin}"
    conf_dir = "{conf}"
"""


@dataclass(frozen=True, kw_only=True)
class RealNode:
    """A node of the project that runs containers."""

    node: Node
    processes: Processes
    tools: dict[str, Path]

    @property
    def name(self) -> str:
        """The name of the node and of its machine's process."""
        return self.node.name

    @property
    def folder(self) -> Path:
        """The node's folder."""
        return self.processes.folder / "nodes" / self.name

    @cached_property
    def machine(self) -> Machine:
        """The node's namespaces."""
        return Machine(self.processes, self.name, self.folder)

    @property
    def pods(self) -> ipaddress.IPv4Network:
        """The /24 network of the node's pods. It follows the /24 network that contains the node's address."""
        own = ipaddress.IPv4Network(f"{self.node.address}/24", strict=False)
        return ipaddress.IPv4Network((int(own.network_address) + own.num_addresses, own.prefixlen))

    @property
    def group(self) -> str:
        """The control group of the node's pods."""
        return f"{group_of(self.processes.folder)}/{self.name}"

    def start(self, network: Machine, gateway: str, prefix: int, nodes: Sequence[RealNode], unpacked: Path) -> None:
        """Start the machine, connect it to ``network``, and start containerd, unless they already run.

        The first start copies containerd's folder, with all images, from ``unpacked``.
        """
        if self.name not in self.processes.running():
            self.machine.start()
            self._connect(network, gateway, prefix, nodes)
            make_group(self.group)
        if self._process("containerd") not in self.processes.running():
            self._write()
            if not self._containerd.exists():
                copy(unpacked, self._containerd)
                self._loaded(unpacked.with_suffix(".tar")).touch()
            command = self.machine.inside("containerd", "--config", self.folder / "containerd.toml", "--log-level", "warn")
            self.processes.start(self._process("containerd"), command)
        self.processes.wait_until(self._process("containerd"), self._serves_containers, CONTAINERD_SECONDS)

    def join(self, kubeconfig: Path, dns: str, pki: Path) -> None:
        """Start kubelet and kube-proxy unless they run."""
        running = self.processes.running()
        if self._process("kubelet") not in running:
            self._write_json("kubelet.json", self._kubelet(dns, pki))
            flags = (
                f"--config={self.folder / 'kubelet.json'}",
                f"--kubeconfig={kubeconfig}",
                f"--hostname-override={self.name}",
                f"--node-ip={self.node.address}",
                "--cloud-provider=external",  # the cloud has registered the node with its addresses
                "--v=1",
            )
            self.processes.start(self._process("kubelet"), self.machine.inside(self.tools["kubelet"], *flags))
        if self._process("kube-proxy") not in running:
            self._write_json("kube-proxy.json", self._proxy(kubeconfig))
            command = (self.tools["kube-proxy"], f"--config={self.folder / 'kube-proxy.json'}", "--v=1")
            self.processes.start(self._process("kube-proxy"), self.machine.inside(*command))

    def load(self, archive: Path) -> None:
        """Import the images of ``archive`` unless this node has them. The archive's name changes with its images."""
        if not self._loaded(archive).exists():
            self.machine.run("ctr", f"--namespace={NAMESPACE}", "images", "import", archive)
            self._loaded(archive).touch()

    @property
    def _containerd(self) -> Path:
        """containerd's folder, as a path on the host."""
        return self.folder / "var/lib/containerd"

    def _loaded(self, archive: Path) -> Path:
        """The file that exists if the node has the images of ``archive``."""
        file = self.folder / "loaded" / archive.name
        file.parent.mkdir(exist_ok=True)
        return file

    def _process(self, program: str) -> str:
        return f"{self.name}-{program}"

    def _serves_containers(self) -> bool:
        try:
            self.machine.run("ctr", "version")
        except EmbeddedCloudError:
            return False
        return True

    def _connect(self, network: Machine, gateway: str, prefix: int, nodes: Sequence[RealNode]) -> None:
        """Connect the machine to the network's bridge by a veth pair, and add routes to the pods of the other nodes."""
        network.ip("link", "add", "name", self.name, "type", "veth", "peer", "name", "eth0", "netns", str(self.machine.pid))
        network.ip("link", "set", self.name, "master", "cluster", "up")
        network.ip("route", "add", str(self.pods), "via", self.node.address)
        self.machine.ip("address", "add", f"{self.node.address}/{prefix}", "dev", "eth0")
        self.machine.ip("link", "set", "eth0", "up")
        self.machine.ip("route", "add", "default", "via", gateway)
        for other in nodes:
            if other.name != self.name:
                self.machine.ip("route", "add", str(other.pods), "via", other.node.address)

    def _write(self) -> None:
        conf = self.folder / "cni"
        conf.mkdir(exist_ok=True)
        (self.folder / "containerd.toml").write_text(CONTAINERD.format(pause=PAUSE, bin=CNI, conf=conf))
        self._write_json("cni/pods.conflist", self._pod_network())

    def _write_json(self, name: str, content: dict[str, Any]) -> None:
        (self.folder / name).write_text(json.dumps(content, indent=2))  # JSON is YAML

    def _pod_network(self) -> dict[str, Any]:
        addresses = {"type": "host-local", "ranges": [[{"subnet": str(self.pods)}]], "routes": [{"dst": "0.0.0.0/0"}]}
        bridge = {"type": "bridge", "bridge": "pods", "isGateway": True, "hairpinMode": True, "ipam": addresses}
        return {
            "cniVersion": "1.0.0",
            "name": "pods",
            "plugins": [bridge, {"type": "portmap", "capabilities": {"portMappings": True}}],
        }

    def _kubelet(self, dns: str, pki: Path) -> dict[str, Any]:
        resolv = self.folder / "resolv.conf"
        resolv.write_text("")
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(pki / "ca.crt")},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": str(pki / "api.crt"),
            "tlsPrivateKeyFile": str(pki / "api.key"),
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{self.group}",
            "failCgroupV1": False,
            "failSwapOn": False,
            "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
            "volumePluginDir": str(self.folder / "volume-plugins"),
            "resolvConf": str(resolv),
            "clusterDNS": [dns],
            "clusterDomain": DOMAIN,
            "imageGCHighThresholdPercent": 100,  # an imported image cannot be pulled again
            "imageGCLowThresholdPercent": 99,
            "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        }

    def _proxy(self, kubeconfig: Path) -> dict[str, Any]:
        untouched = {"maxPerCore": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"}
        return {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "clientConnection": {"kubeconfig": str(kubeconfig)},
            "hostnameOverride": self.name,
            "mode": "iptables",
            "conntrack": untouched,  # the limits of the connection table are not set, because they apply to the whole host
            "detectLocalMode": "BridgeInterface",
            "detectLocal": {"bridgeInterface": "pods"},
        }
