"""The settings of a stack. Only this package reads ``pulumi.Config``."""

from components.settings._loading import CREDENTIALS, RegistryCredentials, Secrets, load, load_account
from components.settings._mistakes import Mistake, SettingsError
from components.settings.groups import (
    AccountSettings,
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
    Pipelined,
    RedisSettings,
    RolloutSettings,
)
from components.settings.rules import Settings, data_holders
from components.settings.types import Variable, ZoneLetter

__all__ = [
    "CREDENTIALS",
    "AccountSettings",
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
    "Pipelined",
    "RedisSettings",
    "RegistryCredentials",
    "RolloutSettings",
    "Secrets",
    "Settings",
    "SettingsError",
    "Variable",
    "ZoneLetter",
    "data_holders",
    "load",
    "load_account",
]
