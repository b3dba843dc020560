"""The settings: one class and one file per group, one group per config key of the stack file.

``dwcp-v3:network: {vpcCidr: ...}`` in the stack file is ``NetworkSettings.vpc_cidr`` here. Every value that the guide names is a
default, so that a stack file contains only the values that differ. The docstring of a field is its reference: ``docs/settings.md``
and ``Pulumi.yaml`` are generated from it. Its parentheses name the source of the value or of the rule.
"""

from components.settings.groups._group import Conflict, Group
from components.settings.groups.account import AccountSettings, Pipelined
from components.settings.groups.application import ApplicationSettings, EgressRule
from components.settings.groups.artifacts import ArtifactsSettings
from components.settings.groups.autoscaling import AutoscalingSettings
from components.settings.groups.cluster import ClusterSettings
from components.settings.groups.docker import DockerSettings
from components.settings.groups.dwcp import DwcpSettings
from components.settings.groups.environment import EnvironmentSettings
from components.settings.groups.ingress import IngressSettings
from components.settings.groups.load_balancer import LoadBalancerSettings
from components.settings.groups.logs import LogsSettings
from components.settings.groups.monitoring import MonitoringSettings
from components.settings.groups.network import NetworkSettings
from components.settings.groups.redis import RedisSettings
from components.settings.groups.rollout import RolloutSettings

__all__ = [
    "AccountSettings",
    "ApplicationSettings",
    "ArtifactsSettings",
    "AutoscalingSettings",
    "ClusterSettings",
    "Conflict",
    "DockerSettings",
    "DwcpSettings",
    "EgressRule",
    "EnvironmentSettings",
    "Group",
    "IngressSettings",
    "LoadBalancerSettings",
    "LogsSettings",
    "MonitoringSettings",
    "NetworkSettings",
    "Pipelined",
    "RedisSettings",
    "RolloutSettings",
]
