"""The programs and files of the toolchain, from Go modules. A go.mod in a folder beside this file pins the version of each module.

To change a version, replace it in every line of the go.mod that pins it, and run ``go mod tidy`` in the folder of that go.mod. The
version of Kubernetes is in two folders, and must be the same in both: ``kubernetes`` (control plane) and ``node`` (kubelet). In
these folders, also replace the version of the other ``k8s.io`` modules of the release: v0.MINOR.PATCH.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent

GO_ENVIRONMENT = {
    "GOTOOLCHAIN": "local",  # never fetch another Go
    "GOFLAGS": "-mod=readonly -trimpath -buildvcs=false",
    "GOWORK": "off",
    "CGO_ENABLED": "0",  # the same programs with and without a C compiler
    "GOOS": "",  # build for this machine, even if the user's shell sets another target
    "GOARCH": "",
}
"""The variables of every Go command of the toolchain. They override the user's environment."""


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A program: its Go ``package``, and the option ``ask_version`` that prints its version.

    The keys of ``stamps`` are Go variables that the linker sets; the values are templates with ``version``, ``major``, ``minor``.
    If ``package`` is a package of this project, ``module`` is the Go module that determines the version. A program without
    ``ask_version`` is never taken from PATH.
    """

    package: str
    module: str = ""
    ask_version: str | None = "--version"
    stamps: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, kw_only=True)
class Files:
    """A file or folder at ``path`` in the Go module ``module``."""

    module: str
    path: str


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """Programs and files that are built or copied together, and cached as one folder.

    ``source`` is the name of the folder beside this file that contains go.mod and go.sum. ``usual_seconds`` is the time of a first
    build on 2 cores, with the download of the sources. The keys of ``tools`` and ``files`` are the names for
    :meth:`Toolchain.ensure`.
    """

    name: str
    source: str
    usual_seconds: int
    tools: dict[str, Tool] = field(default_factory=dict[str, Tool])
    files: dict[str, Files] = field(default_factory=dict[str, Files])
    tags: tuple[str, ...] = ()
    only_when_named: bool = False
    """Whether the bundle is built only if one of its programs is requested by name, because few users need it."""

    @property
    def folder(self) -> Path:
        """The folder with go.mod and go.sum, in which Go runs."""
        return HERE / self.source

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all programs and files of this bundle."""
        return (*self.tools, *self.files)

    @cached_property
    def go_mod(self) -> str:
        """The text of go.mod, which contains the version of every module."""
        return (self.folder / "go.mod").read_text()

    def version(self, package: str) -> str:
        """The version of the Go module that contains ``package``, in the form that the module's programs print: ``1.36.3``."""
        pins = dict(re.findall(r"^(?:require)?\s+(\S+) v(\S+)", self.go_mod, re.MULTILINE))
        module = max((path for path in pins if f"{package}/".startswith(f"{path}/")), key=len)
        # Prometheus publishes 3.16.0 as the Go module v0.316.0, so that its import paths need no /v3.
        prometheus = re.fullmatch(r"0\.(\d)(\d\d)\.(\d+)", pins[module])
        return f"{prometheus[1]}.{int(prometheus[2])}.{prometheus[3]}" if prometheus else pins[module]

    @property
    def ldflags(self) -> str:
        """Linker flags, which omit debug information and set the versions that the programs print."""
        flags = ["-s", "-w"]
        for tool in self.tools.values():
            version = self.version(tool.module or tool.package)
            major, minor, _ = version.split(".", 2)
            for variable, template in tool.stamps.items():
                flags.append(f"-X {variable}={template.format(version=version, major=major, minor=minor)}")
        return " ".join(dict.fromkeys(flags))

    @property
    def recipe(self) -> str:
        """The inputs of the build as text, except the platform and the version of Go.

        On one platform, bundles with the same recipe have the same programs and files.
        """
        packages = {name: tool.package for name, tool in self.tools.items()}
        go_sum = (self.folder / "go.sum").read_text()
        own = [(str(file.relative_to(self.folder)), file.read_text()) for file in sorted(self.folder.rglob("*.go"))]
        return repr((self.go_mod, go_sum, packages, self.files, self.ldflags, self.tags, GO_ENVIRONMENT, *own))


KUBERNETES_STAMPS = {
    f"{package}.{variable}": template
    for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    for variable, template in {"gitVersion": "v{version}", "gitMajor": "{major}", "gitMinor": "{minor}"}.items()
}
PROMETHEUS_STAMPS = {"github.com/prometheus/common/version.Version": "{version}"}

BUNDLES = (
    Bundle(
        name="etcd",
        source="etcd",
        usual_seconds=55,
        tools={"etcd": Tool(package="go.etcd.io/etcd/server/v3")},
    ),
    Bundle(
        name="kubernetes",
        source="kubernetes",  # the version of Kubernetes: the line `k8s.io/kubernetes v...` in kubernetes/go.mod and node/go.mod
        usual_seconds=460,
        tools={
            "kube-apiserver": Tool(package="k8s.io/kubernetes/cmd/kube-apiserver", stamps=KUBERNETES_STAMPS),
            "kube-controller-manager": Tool(package="k8s.io/kubernetes/cmd/kube-controller-manager", stamps=KUBERNETES_STAMPS),
            "kube-scheduler": Tool(package="k8s.io/kubernetes/cmd/kube-scheduler", stamps=KUBERNETES_STAMPS),
            "kwok": Tool(package="sigs.k8s.io/kwok/cmd/kwok"),
        },
    ),
    Bundle(
        name="node",
        source="node",
        usual_seconds=240,
        only_when_named=True,
        tools={
            "kubelet": Tool(package="k8s.io/kubernetes/cmd/kubelet", stamps=KUBERNETES_STAMPS),
            "kube-proxy": Tool(package="k8s.io/kubernetes/cmd/kube-proxy", stamps=KUBERNETES_STAMPS),
        },
    ),
    Bundle(
        name="coredns",
        source="coredns",
        usual_seconds=120,
        only_when_named=True,
        tools={"coredns": Tool(package="embedded-cloud/coredns", module="github.com/coredns/coredns", ask_version=None)},
    ),
    Bundle(
        name="vegeta",
        source="vegeta",
        usual_seconds=30,
        only_when_named=True,
        tools={"vegeta": Tool(package="github.com/tsenart/vegeta/v12", ask_version=None)},
    ),
    Bundle(
        name="kwok-stages",
        source="kubernetes",
        usual_seconds=5,
        files={"kwok-stages": Files(module="sigs.k8s.io/kwok", path="kustomize/stage")},
    ),
    Bundle(
        name="pulumi",
        source="pulumi",
        usual_seconds=350,
        tools={
            "pulumi": Tool(
                package="github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
                ask_version="version",
                stamps={"github.com/pulumi/pulumi/sdk/v3/go/common/version.Version": "v{version}"},
            )
        },
    ),
    Bundle(
        name="pulumi-python",
        source="pulumi",
        usual_seconds=5,
        files={
            "pulumi-language-python-exec": Files(
                module="github.com/pulumi/pulumi/sdk/v3", path="python/cmd/pulumi-language-python-exec"
            )
        },
    ),
    Bundle(
        name="pulumi-kubernetes",
        source="pulumi-kubernetes",
        usual_seconds=240,
        tools={
            "pulumi-resource-kubernetes": Tool(
                package="embedded-cloud/pulumi-resource-kubernetes",
                module="github.com/pulumi/pulumi-kubernetes/provider/v4",
                ask_version=None,
                # The engine warns about a plugin that is older than the SDK, so the plugin reports the SDK's version.
                stamps={"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/version.Version": version("pulumi-kubernetes")},
            )
        },
        files={
            "pulumi-kubernetes-schema.json": Files(
                module="github.com/pulumi/pulumi-kubernetes/provider/v4", path="cmd/pulumi-resource-kubernetes/schema.json"
            )
        },
    ),
    Bundle(
        name="prometheus",
        source="prometheus",
        usual_seconds=300,
        # The project discovers targets only in Kubernetes. The other kinds of discovery would add the SDKs of clouds.
        tags=("remove_all_sd", "enable_kubernetes_sd"),
        tools={
            "prometheus": Tool(package="github.com/prometheus/prometheus/cmd/prometheus", stamps=PROMETHEUS_STAMPS),
            "promtool": Tool(package="github.com/prometheus/prometheus/cmd/promtool", stamps=PROMETHEUS_STAMPS),
        },
    ),
    Bundle(
        name="alertmanager",
        source="alertmanager",
        usual_seconds=60,
        tools={"amtool": Tool(package="github.com/prometheus/alertmanager/cmd/amtool", stamps=PROMETHEUS_STAMPS)},
    ),
    Bundle(
        name="compose",
        source="compose",
        usual_seconds=190,
        tools={
            "docker-compose": Tool(
                package="github.com/docker/compose/v2/cmd",
                ask_version="version",
                stamps={"github.com/docker/compose/v2/internal.Version": "v{version}"},
            )
        },
    ),
    Bundle(
        name="compose-specification",
        source="compose",
        usual_seconds=5,
        files={"compose-spec.json": Files(module="github.com/compose-spec/compose-go/v2", path="schema/compose-spec.json")},
    ),
    Bundle(
        name="linters",
        source="linters",
        usual_seconds=30,
        tools={
            "actionlint": Tool(
                package="github.com/rhysd/actionlint/cmd/actionlint",
                ask_version="-version",
                stamps={"github.com/rhysd/actionlint.version": "{version}"},
            ),
        },
    ),
    Bundle(
        name="kube-score",
        source="linters",
        usual_seconds=40,
        tools={
            "kube-score": Tool(
                package="github.com/zegl/kube-score/cmd/kube-score", ask_version="version", stamps={"main.version": "{version}"}
            )
        },
    ),
    Bundle(
        name="prometheus-operator",
        source="prometheus-operator",
        usual_seconds=5,
        files={
            "prometheus-operator-crds": Files(
                module="github.com/prometheus-operator/prometheus-operator", path="example/prometheus-operator-crd"
            )
        },
    ),
)


def version_of(name: str) -> str:
    """The pinned version of a program: ``1.36.3``."""
    return next(
        bundle.version(bundle.tools[name].module or bundle.tools[name].package) for bundle in BUNDLES if name in bundle.tools
    )
