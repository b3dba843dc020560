"""AWS permissions for pods: an IAM role that the pods of one service account assume through EKS Pod Identity."""

from __future__ import annotations

import pulumi
from pulumi import ResourceOptions
from pulumi_aws import eks, iam

from components.aws.iam import service_role, trust
from components.settings import EnvironmentSettings


def pod_role(
    name: str,
    *,
    environment: EnvironmentSettings,
    cluster_name: pulumi.Input[str],
    namespace: str,
    service_account: str,
    managed_policy: str | None = None,
    policy: pulumi.Input[str] | None = None,
    opts: ResourceOptions,
) -> list[pulumi.Resource]:
    """Create an IAM role for a service account. Pods that use the service account must depend on the returned resources.

    ``managed_policy`` is the ARN of an AWS managed policy; ``policy`` is a policy document. The nodes' role does not get these
    permissions (AWS: "EKS Pod Identity").
    """
    role = service_role(name, trust("pods.eks.amazonaws.com", pod_identity=True), environment, opts)
    granted: list[pulumi.Resource] = []
    if managed_policy:
        granted.append(iam.RolePolicyAttachment(name, role=role.name, policy_arn=managed_policy, opts=opts))
    if policy:
        granted.append(iam.RolePolicy(name, role=role.name, policy=policy, opts=opts))
    association = eks.PodIdentityAssociation(
        name, cluster_name=cluster_name, namespace=namespace, service_account=service_account, role_arn=role.arn, opts=opts
    )
    return [*granted, association]
