"""The common objects of Redis and the monitoring servers: a Deployment of one pod, its volume, account, Service and files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi import ResourceOptions
from pulumi_kubernetes.apps.v1 import Deployment, DeploymentSpecArgs, DeploymentStrategyArgs
from pulumi_kubernetes.core.v1 import (
    ConfigMap,
    ContainerArgs,
    PersistentVolumeClaim,
    PersistentVolumeClaimSpecArgs,
    Secret,
    Service,
    ServiceAccount,
    ServicePortArgs,
    ServiceSpecArgs,
    VolumeArgs,
    VolumeResourceRequirementsArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.rbac.v1 import (
    ClusterRole,
    ClusterRoleBinding,
    PolicyRuleArgs,
    Role,
    RoleBinding,
    RoleRefArgs,
    SubjectArgs,
)

from components.workload import pods
from components.workload.namespace import Namespace
from components.workload.objects import SKIP_AWAIT, data_digest, encoded, name_of, secret_digest

RBAC_GROUP = "rbac.authorization.k8s.io"


@dataclass(frozen=True, kw_only=True)
class Workload:
    """Creates the objects of one server. ``name`` is the name of the objects and the value of their label ``app``.

    There is no PodDisruptionBudget, because with a single replica, it would either allow every eviction or block every node drain.
    """

    name: str
    namespace: Namespace
    opts: ResourceOptions

    @property
    def metadata(self) -> ObjectMetaArgs:
        """The metadata of an object with the server's name."""
        return self.metadata_as(self.name)

    def metadata_as(self, name: str, annotations: Mapping[str, str] | None = None) -> ObjectMetaArgs:
        """The metadata of an object with the given name and annotations."""
        return ObjectMetaArgs(
            name=name, namespace=self.namespace.name, labels={"app": self.name}, annotations=dict(annotations or {}) or None
        )

    def account(self) -> pulumi.Output[str]:
        """Create a service account and return its name. Its token is mounted only in pods that request it."""
        account = ServiceAccount(
            f"{self.name}-account", metadata=self.metadata, automount_service_account_token=False, opts=self.opts
        )
        return name_of(account)

    def role(self, account: pulumi.Input[str], rules: Sequence[PolicyRuleArgs]) -> None:
        """Grant the permissions in ``rules`` to the account, in the namespace."""
        bind(self.name, self.metadata, rules, account, self.namespace.name, self.opts)

    def claim(self, size: str) -> pulumi.Output[str]:
        """Create a claim for a volume of the namespace's storage class, and return the claim's name.

        The volume persists when the pod is replaced.
        """
        return self.claim_of(self.namespace.storage_class, size)

    def claim_of(
        self, storage_class: pulumi.Input[str] | None, size: str, opts: ResourceOptions | None = None
    ) -> pulumi.Output[str]:
        """Create a claim for a volume of ``storage_class``; return the claim's name. ``None`` is the cluster's default class."""
        claim = PersistentVolumeClaim(
            f"{self.name}-claim",
            metadata=self.metadata_as(self.name, SKIP_AWAIT),
            spec=PersistentVolumeClaimSpecArgs(
                access_modes=["ReadWriteOnce"],
                storage_class_name=storage_class,
                resources=VolumeResourceRequirementsArgs(requests={"storage": size}),
            ),
            opts=ResourceOptions.merge(self.opts, opts),
        )
        return name_of(claim)

    def config(self, files: Mapping[str, pulumi.Input[str]], suffix: str = "") -> pulumi.Output[str]:
        """Create a ConfigMap with ``files`` and return its name."""
        name = f"{self.name}{suffix}"
        config = ConfigMap(f"{name}-config", metadata=self.metadata_as(name), data=dict(files), opts=self.opts)
        return name_of(config)

    def secret(self, files: pulumi.Output[dict[str, str]]) -> pulumi.Output[str]:
        """Create a Secret with ``files`` and return its name."""
        secret = Secret(f"{self.name}-secret", metadata=self.metadata, data=files.apply(encoded), opts=self.opts)
        return name_of(secret)

    def service(self, port: int) -> pulumi.Output[str]:
        """Create a Service on ``port`` and return its URL inside the namespace."""
        return pulumi.Output.concat("http://", self.service_on(http=port), f":{port}")

    def service_on(self, **ports: int) -> pulumi.Output[str]:
        """Create a Service on ``ports``, which have names, and return its name."""
        service = Service(
            f"{self.name}-service",
            metadata=self.metadata_as(self.name, SKIP_AWAIT),
            spec=ServiceSpecArgs(
                type="ClusterIP",
                selector={"app": self.name},
                ports=[ServicePortArgs(name=name, port=port, target_port=port) for name, port in ports.items()],
            ),
            opts=self.opts,
        )
        return name_of(service)

    def deployment(
        self,
        *containers: ContainerArgs,
        account: pulumi.Input[str],
        volumes: Sequence[VolumeArgs] = (),
        files: Mapping[str, pulumi.Input[str]] | None = None,
        secrets: pulumi.Output[dict[str, str]] | None = None,
        grace_seconds: int = 30,
        api_access: bool = False,
        pull_secret: pulumi.Input[str] | None = None,
    ) -> None:
        """Create a Deployment of one pod, which is replaced when the mounted ``files`` or ``secrets`` change."""
        annotations: dict[str, pulumi.Input[str]] = {}
        if files:
            annotations["dwcp/config-digest"] = pulumi.Output.all(**files).apply(data_digest)
        if secrets is not None:
            annotations["dwcp/secret-digest"] = secret_digest(secrets)
        spec = pods.pod_spec(
            service_account=account,
            api_access=api_access,
            priority_class=self.namespace.priority_class,
            pull_secret=pull_secret,
            grace_seconds=grace_seconds,
            containers=containers,
            volumes=volumes,
        )
        Deployment(
            f"{self.name}-deployment",
            metadata=self.metadata,
            spec=DeploymentSpecArgs(
                replicas=1,
                # A volume attaches to one node, so the old pod must end before the new pod starts.
                strategy=DeploymentStrategyArgs(type="Recreate"),
                selector=LabelSelectorArgs(match_labels={"app": self.name}),
                template=pods.pod_template({"app": self.name}, annotations, spec),
            ),
            opts=self.opts,
        )


def bind(
    name: str,
    metadata: ObjectMetaArgs,
    rules: Sequence[PolicyRuleArgs],
    account: pulumi.Input[str],
    account_namespace: pulumi.Input[str],
    opts: ResourceOptions,
) -> None:
    """Create a Role with ``rules`` in the namespace of ``metadata``, and bind it to ``account`` in ``account_namespace``."""
    role = Role(f"{name}-role", metadata=metadata, rules=list(rules), opts=opts)
    RoleBinding(
        f"{name}-role-binding",
        metadata=metadata,
        role_ref=RoleRefArgs(api_group=RBAC_GROUP, kind="Role", name=name_of(role)),
        subjects=[SubjectArgs(kind="ServiceAccount", name=account, namespace=account_namespace)],
        opts=opts,
    )


def bind_everywhere(workload: Workload, rules: Sequence[PolicyRuleArgs], account: pulumi.Input[str]) -> None:
    """Create a ClusterRole with ``rules`` and bind it to the workload's service account."""
    name, opts = workload.name, workload.opts
    metadata = ObjectMetaArgs(name=name, labels={"app": name})
    role = ClusterRole(f"{name}-cluster-role", metadata=metadata, rules=list(rules), opts=opts)
    ClusterRoleBinding(
        f"{name}-cluster-role-binding",
        metadata=metadata,
        role_ref=RoleRefArgs(api_group=RBAC_GROUP, kind="ClusterRole", name=name_of(role)),
        subjects=[SubjectArgs(kind="ServiceAccount", name=account, namespace=workload.namespace.name)],
        opts=opts,
    )
