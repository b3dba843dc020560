"""CloudWatch log groups and their encryption key."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
from pulumi import InvokeOptions, ResourceOptions

from components.aws.iam import Statement, document
from components.aws.names import physical_name
from components.component import Component
from components.settings import EnvironmentSettings, LogsSettings

SHIPPED = ("application", "dataplane", "host", "performance")
"""Ends of the names of the log groups to which the CloudWatch add-on writes logs and metrics (AWS: "Container Insights")."""


@dataclass(frozen=True, kw_only=True)
class LogsArgs:
    """Inputs of :class:`Logs`."""

    settings: LogsSettings
    """The retention period of the logs, and the waiting period before their key is deleted."""
    environment: EnvironmentSettings


class Logs(Component):
    """The log groups of application, cluster and network. They are created before the services that write to them.

    Otherwise EKS or the add-on for CloudWatch, which define the names, would create the missing group without a retention period
    and without the encryption key of this component.
    """

    key_arn: pulumi.Output[str]
    application_group: pulumi.Output[str]
    cluster_group: pulumi.Output[str]
    flow_group: pulumi.Output[str]
    flow_group_arn: pulumi.Output[str]

    def __init__(self, name: str, args: LogsArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        child = ResourceOptions(parent=self)
        unique = physical_name(name, args.environment)
        account = aws.get_caller_identity_output(opts=InvokeOptions(parent=self)).account_id
        key = aws.kms.Key(
            f"{name}-logs",
            description=f"Encrypts the logs of {name}",
            enable_key_rotation=True,
            deletion_window_in_days=args.settings.key_deletion_window_days,
            policy=_key_policy(account, args.environment.region),
            opts=child,
        )
        aws.kms.Alias(f"{name}-logs", name=f"alias/{unique}-logs", target_key_id=key.key_id, opts=child)

        def group(role: str, path: str) -> aws.cloudwatch.LogGroup:
            return aws.cloudwatch.LogGroup(
                f"{name}-{role}", name=path, retention_in_days=args.settings.retention_days, kms_key_id=key.arn, opts=child
            )

        flow = group("flow", f"/aws/vpc/{unique}")
        self.key_arn = key.arn
        shipped = {each: group(each, f"/aws/containerinsights/{unique}/{each}") for each in SHIPPED}
        self.application_group = shipped["application"].name
        self.cluster_group = group("cluster", f"/aws/eks/{unique}/cluster").name
        self.flow_group = flow.name
        self.flow_group_arn = flow.arn
        self.publish()


def _key_policy(account: pulumi.Input[str], region: str) -> pulumi.Output[str]:
    """The key policy: the account administers the key, and CloudWatch Logs in the region uses it for the account's log groups.

    Source: AWS, "Encrypt log data in CloudWatch Logs using AWS KMS".
    """
    return document(
        Statement(actions=["kms:*"], resources=["*"], principals={"AWS": pulumi.Output.concat("arn:aws:iam::", account, ":root")}),
        Statement(
            actions=["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"],
            resources=["*"],
            principals={"Service": f"logs.{region}.amazonaws.com"},
            conditions={
                "ArnLike": {
                    "kms:EncryptionContext:aws:logs:arn": pulumi.Output.concat(f"arn:aws:logs:{region}:", account, ":log-group:*")
                }
            },
        ),
    )
