"""The Pulumi program of the DWCP v3 platform: it loads the settings, creates the components and exports their outputs."""

from pulumi import ResourceOptions

from components.aws.artifacts import Artifacts, ArtifactsArgs
from components.aws.cluster import Cluster, ClusterArgs
from components.aws.load_balancer import LoadBalancer, LoadBalancerArgs
from components.aws.logs import Logs, LogsArgs
from components.aws.network import Network, NetworkArgs
from components.component import export
from components.compose.docker_host import DockerStack, DockerStackArgs
from components.compose.image import AppImage, AppImageArgs
from components.monitoring.cloudwatch_alarms import Alarms, AlarmsArgs
from components.monitoring.monitoring import Monitoring, MonitoringArgs
from components.protection import protect_data
from components.providers import aws_provider, kubernetes_provider
from components.settings import load
from components.workload.application import Application, ApplicationArgs
from components.workload.ingress import IngressArgs, InternalIngress
from components.workload.namespace import Namespace, NamespaceArgs
from components.workload.redis import Redis, RedisArgs
from contract import APPLICATION as NAME

settings, secrets = load()
protect_data(settings.environment)
aws = ResourceOptions(providers=[aws_provider(settings)])
logs = Logs(NAME, LogsArgs(settings=settings.logs, environment=settings.environment), aws)
network = Network(
    NAME,
    NetworkArgs(settings=settings.network, environment=settings.environment, application=settings.application, logs=logs),
    aws,
)
artifacts = Artifacts(NAME, ArtifactsArgs(settings=settings.artifacts, environment=settings.environment), aws)
load_balancer = LoadBalancer(NAME, LoadBalancerArgs(settings=settings, network=network), aws)
cluster = Cluster(NAME, ClusterArgs(settings=settings, network=network, logs=logs), aws)
alarms = Alarms(NAME, AlarmsArgs(settings=settings.monitoring, network=network, load_balancer=load_balancer), aws)

kubernetes = ResourceOptions(providers=[kubernetes_provider(settings.cluster, settings.environment, cluster)])
namespace = Namespace(
    NAME, NamespaceArgs(environment=settings.environment, cluster=settings.cluster, registry=secrets.registry), kubernetes
)
redis = Redis(f"{NAME}-redis", RedisArgs(settings=settings.redis, namespace=namespace, password=secrets.redis_password), kubernetes)
application = Application(
    NAME,
    ApplicationArgs(settings=settings, namespace=namespace, redis=redis, load_balancer=load_balancer, api_keys=secrets.api_keys),
    kubernetes,
)
ingress = InternalIngress(NAME, IngressArgs(settings=settings.ingress, application=application), kubernetes)
monitoring = Monitoring(NAME, MonitoringArgs(settings=settings, application=application, secrets=secrets), kubernetes)

image = AppImage(NAME, AppImageArgs(settings=settings, registry=secrets.registry))
docker_stack = DockerStack(NAME, DockerStackArgs(settings=settings, secrets=secrets, image=image))

export(network=network, load_balancer=load_balancer, logs=logs, artifacts=artifacts, cluster=cluster, alarms=alarms)
export(namespace=namespace, redis=redis, application=application, ingress=ingress, monitoring=monitoring)
export(image=image, docker_stack=docker_stack)
