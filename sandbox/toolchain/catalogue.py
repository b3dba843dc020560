"""What the sandbox builds: one entry per Go module, its version pinned by the go.mod and go.sum beside this file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class Extra:
    """A file or folder that a module carries beside its code: ``source`` within ``module``, copied as ``name``."""

    module: str
    source: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Module:
    """One Go module of tools that share their dependencies' versions.

    ``tools`` maps the name of each binary to its package. ``usual_seconds`` is what a cold build took on 2 cores.
    """

    name: str
    tools: dict[str, str]
    usual_seconds: int
    stamps: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    extras: tuple[Extra, ...] = ()

    @property
    def folder(self) -> Path:
        """Where the module's go.mod and go.sum lie."""
        return HERE / self.name

    @property
    def files(self) -> tuple[str, ...]:
        """Everything the built module offers, by name."""
        return (*self.tools, *(extra.name for extra in self.extras))


MODULES = (
    Module(
        name="pulumi",
        tools={"pulumi": "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"},
        usual_seconds=350,
        stamps=("github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v3.259.0",),
        extras=(
            Extra(
                module="github.com/pulumi/pulumi/sdk/v3",
                source="python/cmd/pulumi-language-python-exec",
                name="pulumi-language-python-exec",
            ),
        ),
    ),
    Module(
        name="kubernetes",
        tools={
            "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
            "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
            "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
            "kwok": "sigs.k8s.io/kwok/cmd/kwok",
        },
        usual_seconds=330,
        stamps=(
            "k8s.io/component-base/version.gitVersion=v1.36.3",
            "k8s.io/client-go/pkg/version.gitVersion=v1.36.3",
        ),
        extras=(Extra(module="sigs.k8s.io/kwok", source="kustomize/stage", name="kwok-stages"),),
    ),
    Module(name="etcd", tools={"etcd": "go.etcd.io/etcd/server/v3"}, usual_seconds=30),
    Module(
        name="prometheus",
        tools={
            "prometheus": "github.com/prometheus/prometheus/cmd/prometheus",
            "promtool": "github.com/prometheus/prometheus/cmd/promtool",
        },
        usual_seconds=300,
    ),
    Module(name="alertmanager", tools={"amtool": "github.com/prometheus/alertmanager/cmd/amtool"}, usual_seconds=30),
    Module(
        name="linters",
        tools={
            "actionlint": "github.com/rhysd/actionlint/cmd/actionlint",
            "kubeconform": "github.com/yannh/kubeconform/cmd/kubeconform",
        },
        usual_seconds=15,
    ),
)
