"""The settings: one class and one file per group, one group per config key of the stack file.

``dwcp-v3:network: {vpcCidr: ...}`` in the stack file is ``NetworkSettings.vpc_cidr`` in this package. The values of the original
guide (``docs/guide.md``) are defaults, so that a stack file contains only the values that differ. ``docs/settings.md`` is generated
from the fields and their docstrings. The parentheses at the end of a docstring name the source of the value or of the rule.
"""

from components.settings.groups._group import Conflict as Conflict
from components.settings.groups._group import Group as Group
from components.settings.groups.account import AccountSettings as AccountSettings
from components.settings.groups.account import PipelineEnvironment as PipelineEnvironment
from components.settings.groups.application import ApplicationSettings as ApplicationSettings
from components.settings.groups.application import EgressRule as EgressRule
from components.settings.groups.artifacts import ArtifactsSettings as ArtifactsSettings
from components.settings.groups.autoscaling import AutoscalingSettings as AutoscalingSettings
from components.settings.groups.cluster import ClusterSettings as ClusterSettings
from components.settings.groups.docker import DockerSettings as DockerSettings
from components.settings.groups.dwcp import DwcpSettings as DwcpSettings
from components.settings.groups.environment import EnvironmentSettings as EnvironmentSettings
from components.settings.groups.ingress import IngressSettings as IngressSettings
from components.settings.groups.load_balancer import LoadBalancerSettings as LoadBalancerSettings
from components.settings.groups.logs import LogsSettings as LogsSettings
from components.settings.groups.monitoring import MonitoringSettings as MonitoringSettings
from components.settings.groups.network import NetworkSettings as NetworkSettings
from components.settings.groups.redis import RedisSettings as RedisSettings
from components.settings.groups.rollout import RolloutSettings as RolloutSettings
