"""A real Kubernetes control plane on this machine: etcd, kube-apiserver, controller manager, scheduler and kwok.

Unless the project's pods are containers, kwok simulates the nodes: pods are scheduled and become Ready, but no container runs.
"""

from __future__ import annotations

import base64
import datetime
import ipaddress
import json
import secrets
import urllib.request
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from embedded_cloud.api_server import ApiServer
from embedded_cloud.front.endpoints import CLUSTERS, TOKENS, group_of
from embedded_cloud.processes import Processes
from embedded_cloud.project import Node, Project
from embedded_cloud.toolchain.catalogue import version_of

ANSWER_SECONDS = 10
SERVICE_ADDRESS = "10.100.0.1"
"""The address of the API server's Service: the first of the service range."""
KUBELET_PORT = 10250
FAKE = "kwok.x-k8s.io/node"
"""The annotation of nodes that kwok manages."""


@dataclass(frozen=True, kw_only=True)
class Ports:
    """The ports of the control plane on 127.0.0.1."""

    etcd: int
    etcd_peer: int
    api: int
    controller_manager: int
    scheduler: int
    kubelet: int
    pods: int
    """The port of the process that answers requests to the simulated pods, if the project has such a process."""


USES = {
    "etcd": "etcd",
    "etcd_peer": "etcd",
    "api": "kube-apiserver",
    "controller_manager": "kube-controller-manager",
    "scheduler": "kube-scheduler",
    "kubelet": "kwok",
}
"""Field of :class:`Ports` -> the process of the control plane that listens on this port."""


class ControlPlane:
    """The control plane in ``processes.folder``; ``tools`` are its programs, ``aws`` is the URL of the embedded AWS."""

    def __init__(
        self,
        project: Project,
        processes: Processes,
        tools: dict[str, Path],
        ports: Ports,
        aws: str,
        tunnel: Path | None = None,
    ) -> None:
        self.project = project
        self.processes = processes
        self.tools = tools
        self.ports = ports
        self.aws = aws
        self.tunnel = tunnel
        """The Unix socket through which the API server reaches real nodes and pods; None if nodes and pods are simulated."""
        self.pki = processes.folder / "pki"
        self.kubeconfig = processes.folder / "kubeconfig"
        self.url = f"https://127.0.0.1:{ports.api}"

    def require_free_ports(self) -> None:
        """Raise ``EmbeddedCloudError`` if another program uses the port of a control plane process that does not run yet."""
        running = self.processes.running()
        for field, name in USES.items():
            if name not in running:
                self.processes.require_free(getattr(self.ports, field), name)

    def launch(self) -> None:
        """Write the credentials unless they exist, and start etcd and the API server unless they run."""
        if not self.kubeconfig.exists():
            self._write_credentials()
        self.require_free_ports()
        running = self.processes.running()
        if "etcd" not in running:
            self._start_etcd()
        if "kube-apiserver" not in running:
            self._start_apiserver()

    def complete(self) -> None:
        """Wait for the API server, start the other processes, and register the nodes and the cluster."""
        self.processes.wait_until("kube-apiserver", self.is_ready)
        running = self.processes.running()
        for name, arguments in self._clients().items():
            if name not in running:
                self.processes.start(name, [self.tools[name], *arguments])
        self._register_nodes()
        self._register_cluster()

    def is_ready(self) -> bool:
        """Whether the API server reports that it and all of its post-start hooks are ready."""
        try:
            return self.api.request("GET", "/readyz") == b"ok"
        except OSError:
            return False

    @cached_property
    def api(self) -> ApiServer:
        """A client with the administrator's credentials."""
        return ApiServer(self.kubeconfig)

    def _start_etcd(self) -> None:
        client, peer = f"http://127.0.0.1:{self.ports.etcd}", f"http://127.0.0.1:{self.ports.etcd_peer}"
        self.processes.start(
            "etcd",
            [
                self.tools["etcd"],
                f"--data-dir={self.processes.folder / 'etcd'}",
                f"--listen-client-urls={client}",
                f"--advertise-client-urls={client}",
                f"--listen-peer-urls={peer}",
                f"--initial-advertise-peer-urls={peer}",
                f"--initial-cluster=default={peer}",
                "--unsafe-no-fsync",  # the data need not survive a crash, and fsync takes most of etcd's time
                "--log-level=warn",
            ],
        )

    def _start_apiserver(self) -> None:
        self.processes.start(
            "kube-apiserver",
            [
                self.tools["kube-apiserver"],
                f"--etcd-servers=http://127.0.0.1:{self.ports.etcd}",
                "--bind-address=127.0.0.1",
                f"--secure-port={self.ports.api}",
                f"--tls-cert-file={self.pki / 'api.crt'}",
                f"--tls-private-key-file={self.pki / 'api.key'}",
                f"--token-auth-file={self.pki / 'tokens.csv'}",
                *self._token_webhook(),
                "--authorization-mode=RBAC",
                f"--service-account-key-file={self.pki / 'service-accounts.key'}",
                f"--service-account-signing-key-file={self.pki / 'service-accounts.key'}",
                "--kubelet-preferred-address-types=InternalDNS,InternalIP",
                *self._to_kubelets(),
                "--service-account-issuer=https://kubernetes.default.svc",
                "--service-cluster-ip-range=10.100.0.0/16",
                "--enable-priority-and-fairness=false",
                "--profiling=false",
            ],
        )

    def _to_kubelets(self) -> list[str]:
        """The options for the advertised address and for connections to real nodes and their pods.

        Simulated nodes need only the advertised address: the API server reaches kwok directly, and kwok checks no credentials.
        """
        if self.project.pods is None or self.tunnel is None:
            # Without this option, the API server needs a default route over IPv4, to find an address of this machine.
            return [f"--advertise-address={self.project.nodes[0].address}"]
        connection = {"proxyProtocol": "HTTPConnect", "transport": {"uds": {"udsName": str(self.tunnel)}}}
        file = self.pki / "egress.json"
        selection = {"egressSelections": [{"name": "cluster", "connection": connection}]}
        file.write_text(json.dumps({"apiVersion": "apiserver.k8s.io/v1beta1", "kind": "EgressSelectorConfiguration", **selection}))
        client = {"certificate": self.pki / "kubelets.crt", "key": self.pki / "kubelets.key"}
        flags = [f"--kubelet-client-{name}={file}" for name, file in client.items()]
        return [*flags, f"--advertise-address={self.project.pods.gateway}", f"--egress-selector-config-file={file}"]

    def _token_webhook(self) -> list[str]:
        """The options that make the API server send unknown tokens to the embedded AWS for authentication, as on EKS."""
        if self.project.cluster is None:
            return []
        file = self.pki / "authenticator.json"
        config = _kubeconfig("authenticator", {"server": f"{self.aws}{TOKENS}{self.project.cluster}"}, {})
        file.write_text(json.dumps(config, indent=2))
        options = {"config-file": file, "cache-ttl": "10s", "version": "v1"}
        return [f"--authentication-token-webhook-{name}={value}" for name, value in options.items()]

    def _register_cluster(self) -> None:
        """Register the API server with the embedded AWS, and bind the groups of the access policies to their cluster roles."""
        if self.project.cluster is None:
            return
        authority = base64.b64encode((self.pki / "ca.crt").read_bytes()).decode()
        body = json.dumps({"endpoint": self.url, "certificateAuthority": {"data": authority}}).encode()
        call = urllib.request.Request(f"{self.aws}{CLUSTERS}{self.project.cluster}", data=body, method="PUT")
        urllib.request.urlopen(call, timeout=ANSWER_SECONDS).close()
        rbac = "/apis/rbac.authorization.k8s.io/v1"
        self.api.create(f"{rbac}/clusterroles", READS_EVERYTHING)
        for role in ACCESS_ROLES:
            self.api.create(f"{rbac}/clusterrolebindings", _binding(role))

    def _clients(self) -> dict[str, list[str]]:
        kubeconfig = f"--kubeconfig={self.kubeconfig}"
        return {
            "kube-controller-manager": [
                kubeconfig,
                "--bind-address=127.0.0.1",
                f"--secure-port={self.ports.controller_manager}",
                "--leader-elect=false",
                "--use-service-account-credentials=true",
                f"--service-account-private-key-file={self.pki / 'service-accounts.key'}",
                f"--root-ca-file={self.pki / 'ca.crt'}",
                "--horizontal-pod-autoscaler-sync-period=5s",
            ],
            "kube-scheduler": [
                kubeconfig,
                "--bind-address=127.0.0.1",
                f"--secure-port={self.ports.scheduler}",
                "--leader-elect=false",
            ],
            "kwok": [
                kubeconfig,
                *([f"--manage-nodes-with-annotation-selector={FAKE}=fake"] if self.project.pods else ["--manage-all-nodes=true"]),
                "--node-lease-duration-seconds=40",
                f"--server-address=127.0.0.1:{self.ports.kubelet}",
                f"--tls-cert-file={self.pki / 'api.crt'}",
                f"--tls-private-key-file={self.pki / 'api.key'}",
                *(f"--config={file}" for file in self._stages()),
            ],
        }

    def _stages(self) -> list[Path]:
        kwok, pods = self.tools["kwok-stages"], self.processes.folder / "pods.yaml"
        work = self.processes.folder / "pod"
        work.mkdir(exist_ok=True)
        log = self.processes.log(self.project.pods_process)
        log.parent.mkdir(exist_ok=True)
        log.touch()
        served = pod_access(log, work, self.ports.pods)
        defaults = [yaml.safe_load(file.read_text()) for file in sorted((kwok / "pod" / "fast").glob("pod-*.yaml"))]
        stages = [*self.project.pod_stages(defaults), *served]
        pods.write_text("\n---\n".join(json.dumps(stage) for stage in stages))  # JSON is YAML
        folders = [kwok / "node" / "fast", kwok / "node" / "heartbeat-with-lease"]
        return [*(file for folder in folders for file in sorted(folder.glob("node-*.yaml"))), pods]

    def _register_nodes(self) -> None:
        for node in self.project.nodes:
            self.api.create("/api/v1/nodes", _node(node, None if self.project.pods else self.ports.kubelet))

    def _write_credentials(self) -> None:
        """Write the certificate authority, the certificates and tokens of the control plane, and the kubeconfig."""
        self.pki.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = f"{self.project.name}-{self.project.stack}"
        authority_key, authority = _certificate(name)
        server_key, server = _certificate("kube-apiserver", issuer=(authority_key, authority))
        (self.pki / "ca.crt").write_bytes(authority.public_bytes(serialization.Encoding.PEM))
        (self.pki / "api.crt").write_bytes(server.public_bytes(serialization.Encoding.PEM))
        (self.pki / "api.key").write_bytes(_pem(server_key))
        client_key, client = _certificate("kube-apiserver", issuer=(authority_key, authority), group="system:masters")
        (self.pki / "kubelets.crt").write_bytes(client.public_bytes(serialization.Encoding.PEM))
        (self.pki / "kubelets.key").write_bytes(_pem(client_key))
        (self.pki / "service-accounts.key").write_bytes(_pem(ec.generate_private_key(ec.SECP256R1())))
        token = secrets.token_hex(16)
        (self.pki / "tokens.csv").write_text(f'{token},admin,admin,"system:masters"\n')
        ca = base64.b64encode((self.pki / "ca.crt").read_bytes()).decode()
        config = _kubeconfig(name, {"server": self.url, "certificate-authority-data": ca}, {"token": token})
        # The kubeconfig is written last, by a rename, so if it exists, all credentials exist. It is JSON, which is also YAML.
        temporary = self.kubeconfig.with_suffix(".part")
        temporary.write_text(json.dumps(config, indent=2))
        temporary.chmod(0o600)
        temporary.rename(self.kubeconfig)
        self.__dict__.pop("api", None)  # a client with former credentials


def _kubeconfig(name: str, cluster: dict[str, str], user: dict[str, str]) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }


READS_EVERYTHING = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRole",
    "metadata": {"name": "embedded-cloud:admin-view"},
    "rules": [
        {"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"]},
        {"nonResourceURLs": ["*"], "verbs": ["get"]},
    ],
}
"""The cluster role of the access policy AmazonEKSAdminViewPolicy."""

ACCESS_ROLES = ("admin", "edit", "view", "embedded-cloud:admin-view")
"""The cluster roles that access policies grant, except ``cluster-admin``, which Kubernetes itself binds to ``system:masters``."""


def _binding(role: str) -> dict[str, object]:
    group = group_of(role)
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": group.replace(":", "-")},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": group}],
    }


def _node(node: Node, kwok: int | None) -> dict[str, object]:
    """The Node object that the cloud registers. ``kwok`` is kwok's port if kwok simulates the node's kubelet, else None."""
    through_kwok = {"type": "InternalDNS", "address": "localhost"}  # the API server uses this address for logs and shells
    resources = {"cpu": "16", "memory": "64Gi", "pods": "110", "ephemeral-storage": "100Gi"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": node.name,
            "annotations": {FAKE: "fake"} if kwok else {},
            "labels": {
                "kubernetes.io/hostname": node.name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                "topology.kubernetes.io/region": node.zone[:-1],
                "topology.kubernetes.io/zone": node.zone,
            },
        },
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": node.address},
                {"type": "Hostname", "address": node.name},
                *([through_kwok] if kwok else []),
            ],
            "allocatable": resources,
            "capacity": resources,
            "nodeInfo": {"kubeletVersion": f"v{version_of('kube-apiserver')}"},
            "daemonEndpoints": {"kubeletEndpoint": {"Port": kwok or KUBELET_PORT}},
        },
    }


def pod_access(log: Path, work: Path, port: int) -> list[dict[str, object]]:
    """The configuration of kwok for ``kubectl logs``, ``exec``, ``attach`` and ``port-forward``, the same for every pod.

    The log is the file ``log``. A shell runs on this machine in the folder ``work``. Every port is forwarded to ``port``.
    """
    specs: dict[str, dict[str, object]] = {
        "ClusterLogs": {"logs": [{"logsFile": str(log), "previousLogsFile": str(log), "follow": True}]},
        "ClusterAttach": {"attaches": [{"logsFile": str(log)}]},
        "ClusterExec": {"execs": [{"local": {"workDir": str(work)}}]},
        "ClusterPortForward": {"forwards": [{"target": {"address": "127.0.0.1", "port": port}}]},
    }
    return [
        {"apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": kind, "metadata": {"name": "any-pod"}, "spec": spec}
        for kind, spec in specs.items()
    ]


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    # The format must be "EC PRIVATE KEY", because kube-apiserver cannot derive a public key from a PKCS8 key.
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


def _certificate(
    name: str, issuer: tuple[ec.EllipticCurvePrivateKey, x509.Certificate] | None = None, group: str = ""
) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    """A key and its certificate for ten years. Without ``issuer``, the certificate is that of a certificate authority.

    With ``issuer``, the certificate is for a server on 127.0.0.1, or for a client that is the user ``name`` in ``group``.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    groups = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group)] if group else []
    subject = x509.Name([*groups, x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName(
        [
            *(x509.IPAddress(ipaddress.ip_address(address)) for address in ("127.0.0.1", SERVICE_ADDRESS)),
            *(x509.DNSName(each) for each in ("localhost", "kubernetes.default.svc")),
        ]
    )
    signer = issuer[0] if issuer else key
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[1].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(names, critical=False)
        .sign(signer, hashes.SHA256())
    )
    return key, certificate
