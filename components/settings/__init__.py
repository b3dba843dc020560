"""The settings of a stack. Only this package reads ``pulumi.Config``.

The thresholds of alerts and gates (latency, errors, CPU) are not settings: they are constants in
``components/monitoring/objectives.py`` and, for the comparison of the tracks, in ``components/monitoring/gates.py``. Only the error
threshold of a rollout has a setting, ``rollout.errorThresholdPercent``.
"""

from components.settings._loading import CREDENTIALS as CREDENTIALS
from components.settings._loading import RegistryCredentials as RegistryCredentials
from components.settings._loading import Secrets as Secrets
from components.settings._loading import load as load
from components.settings._loading import load_account as load_account
from components.settings._mistakes import Mistake as Mistake
from components.settings._mistakes import SettingsError as SettingsError
from components.settings.groups import AccountSettings as AccountSettings
from components.settings.groups import ApplicationSettings as ApplicationSettings
from components.settings.groups import ArtifactsSettings as ArtifactsSettings
from components.settings.groups import AutoscalingSettings as AutoscalingSettings
from components.settings.groups import ClusterSettings as ClusterSettings
from components.settings.groups import DockerSettings as DockerSettings
from components.settings.groups import DwcpSettings as DwcpSettings
from components.settings.groups import EnvironmentSettings as EnvironmentSettings
from components.settings.groups import Group as Group
from components.settings.groups import IngressSettings as IngressSettings
from components.settings.groups import LoadBalancerSettings as LoadBalancerSettings
from components.settings.groups import LogsSettings as LogsSettings
from components.settings.groups import MonitoringSettings as MonitoringSettings
from components.settings.groups import NetworkSettings as NetworkSettings
from components.settings.groups import PipelineEnvironment as PipelineEnvironment
from components.settings.groups import RedisSettings as RedisSettings
from components.settings.groups import RolloutSettings as RolloutSettings
from components.settings.rules import Settings as Settings
from components.settings.rules import data_holders as data_holders
from components.settings.types import Variable as Variable
