"""The common parts of the platform's pods: the ``restricted`` Pod Security Standard, volumes, probes and resources.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi
from pulumi_kubernetes.core.v1 import (
    CapabilitiesArgs,
    ConfigMapVolumeSourceArgs,
    ContainerArgs,
    EmptyDirVolumeSourceArgs,
    HTTPGetActionArgs,
    LocalObjectReferenceArgs,
    PersistentVolumeClaimVolumeSourceArgs,
    PodSecurityContextArgs,
    PodSpecArgs,
    PodTemplateSpecArgs,
    ProbeArgs,
    ResourceRequirementsArgs,
    SeccompProfileArgs,
    SecretVolumeSourceArgs,
    SecurityContextArgs,
    TopologySpreadConstraintArgs,
    VolumeArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs

from contract import TOPOLOGY_KEYS

UID = 1001
"""The UID of the service's image (guide, Multi-Stage Dockerfile: nodejs:1001). The images of the other pods work with any UID."""

FILE_MODE = 0o440
"""File mode of mounted secrets: the pod's user and group can read the files, and no user can write them."""

DISK = ("64Mi", "1Gi")
"""Request and limit of a container's logs and scratch files on the node. The limit is twice the total of the service's two scratch
volumes."""


def pod_template(
    labels: Mapping[str, pulumi.Input[str]], annotations: Mapping[str, pulumi.Input[str]], spec: PodSpecArgs
) -> PodTemplateSpecArgs:
    """A pod template. ``annotations`` contain digests of the configuration, so that a changed configuration restarts the pods."""
    return PodTemplateSpecArgs(metadata=ObjectMetaArgs(labels=dict(labels), annotations=dict(annotations)), spec=spec)


def pod_spec(
    *,
    service_account: pulumi.Input[str],
    priority_class: pulumi.Input[str],
    containers: Sequence[ContainerArgs],
    volumes: Sequence[VolumeArgs],
    grace_seconds: int = 30,
    api_access: bool = False,
    pull_secret: pulumi.Input[str] | None = None,
    spread_over: Mapping[str, str] | None = None,
) -> PodSpecArgs:
    """A pod spec that meets the Pod Security Standard ``restricted``.

    ``grace_seconds`` is the time from the start of the termination until SIGKILL. ``api_access`` mounts the service account's
    token. Pods with the labels ``spread_over`` are spread over zones and nodes.
    """
    return PodSpecArgs(
        service_account_name=service_account,
        automount_service_account_token=api_access,
        enable_service_links=False,
        priority_class_name=priority_class,
        image_pull_secrets=None if pull_secret is None else [LocalObjectReferenceArgs(name=pull_secret)],
        security_context=PodSecurityContextArgs(
            run_as_non_root=True,
            run_as_user=UID,
            run_as_group=UID,
            fs_group=UID,
            fs_group_change_policy="OnRootMismatch",
            seccomp_profile=SeccompProfileArgs(type="RuntimeDefault"),
        ),
        termination_grace_period_seconds=grace_seconds,
        topology_spread_constraints=None if spread_over is None else _spread(spread_over),
        containers=list(containers),
        volumes=list(volumes),
    )


def _spread(labels: Mapping[str, str]) -> list[TopologySpreadConstraintArgs]:
    """Constraints that prefer an even spread over zones and nodes. They do not require it, so that pods start if a zone is down."""
    return [
        TopologySpreadConstraintArgs(
            topology_key=key,
            max_skew=1,
            when_unsatisfiable="ScheduleAnyway",
            label_selector=LabelSelectorArgs(match_labels=dict(labels)),
            match_label_keys=["pod-template-hash"],
        )
        for key in TOPOLOGY_KEYS
    ]


def container_security() -> SecurityContextArgs:
    """The security context of a container that cannot gain privileges or write to its image."""
    return SecurityContextArgs(
        allow_privilege_escalation=False,
        privileged=False,
        read_only_root_filesystem=True,
        run_as_non_root=True,
        capabilities=CapabilitiesArgs(drop=["ALL"]),
    )


def resources(*, cpu: tuple[str, str], memory: tuple[str, str]) -> ResourceRequirementsArgs:
    """Requests and limits of CPU, memory and ephemeral storage; each pair contains request and limit.

    Logs and scratch files use the node's disk. Without a limit, one pod could fill the disk, and the node would evict other pods.
    """
    return ResourceRequirementsArgs(
        requests={"cpu": cpu[0], "memory": memory[0], "ephemeral-storage": DISK[0]},
        limits={"cpu": cpu[1], "memory": memory[1], "ephemeral-storage": DISK[1]},
    )


def http_probe(path: str, port: int, *, period_seconds: int, delay_seconds: int = 0, failures: int = 3) -> ProbeArgs:
    """A probe of ``path`` over HTTP, which fails after ``failures`` errors in succession."""
    return ProbeArgs(
        http_get=HTTPGetActionArgs(path=path, port=port),
        initial_delay_seconds=delay_seconds,
        period_seconds=period_seconds,
        timeout_seconds=3,
        failure_threshold=failures,
    )


def scratch_volume(name: str, size_limit: str) -> VolumeArgs:
    """A writable volume that is deleted with the pod; a pod that exceeds ``size_limit`` is evicted."""
    return VolumeArgs(name=name, empty_dir=EmptyDirVolumeSourceArgs(size_limit=size_limit))


def config_volume(name: str, config_map: pulumi.Input[str]) -> VolumeArgs:
    """A volume that contains a ConfigMap's keys as files."""
    return VolumeArgs(name=name, config_map=ConfigMapVolumeSourceArgs(name=config_map))


def secret_volume(name: str, secret: pulumi.Input[str]) -> VolumeArgs:
    """A volume that contains a Secret's keys as files. Unlike environment variables, files are not part of a crash report."""
    return VolumeArgs(name=name, secret=SecretVolumeSourceArgs(secret_name=secret, default_mode=FILE_MODE))


def claim_volume(name: str, claim: pulumi.Input[str]) -> VolumeArgs:
    """A volume of a PersistentVolumeClaim, which persists when the pod is replaced."""
    return VolumeArgs(
        name=name,
        persistent_volume_claim=PersistentVolumeClaimVolumeSourceArgs(claim_name=claim),
    )
