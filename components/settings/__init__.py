"""What a stack may say about itself, and the only reader of ``pulumi.Config``."""

from components.settings.groups import (
    ApplicationSettings,
    ArtifactsSettings,
    AutoscalingSettings,
    ClusterSettings,
    DockerSettings,
    DwcpSettings,
    EnvironmentSettings,
    Group,
    IngressSettings,
    LoadBalancerSettings,
    LogsSettings,
    MonitoringSettings,
    NetworkSettings,
    PipelinesSettings,
    RedisSettings,
    RolloutSettings,
)
from components.settings.loading import RegistryCredentials, Secrets, load
from components.settings.mistakes import Mistake, SettingsError
from components.settings.rules import Settings
from components.settings.types import ZoneLetter

__all__ = [
    "ApplicationSettings",
    "ArtifactsSettings",
    "AutoscalingSettings",
    "ClusterSettings",
    "DockerSettings",
    "DwcpSettings",
    "EnvironmentSettings",
    "Group",
    "IngressSettings",
    "LoadBalancerSettings",
    "LogsSettings",
    "Mistake",
    "MonitoringSettings",
    "NetworkSettings",
    "PipelinesSettings",
    "RedisSettings",
    "RegistryCredentials",
    "RolloutSettings",
    "Secrets",
    "Settings",
    "SettingsError",
    "ZoneLetter",
    "load",
]
