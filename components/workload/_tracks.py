"""One track of the application: the pods of one release, with their autoscaler, disruption budget and Service."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi
from pulumi import ResourceOptions
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.apps.v1 import Deployment, DeploymentSpecArgs, DeploymentStrategyArgs, RollingUpdateDeploymentArgs
from pulumi_kubernetes.autoscaling.v2 import (
    CrossVersionObjectReferenceArgs,
    HorizontalPodAutoscaler,
    HorizontalPodAutoscalerBehaviorArgs,
    HorizontalPodAutoscalerSpecArgs,
    HPAScalingPolicyArgs,
    HPAScalingRulesArgs,
    MetricSpecArgs,
    MetricTargetArgs,
    ResourceMetricSourceArgs,
)
from pulumi_kubernetes.core.v1 import (
    ConfigMapEnvSourceArgs,
    ContainerArgs,
    ContainerPortArgs,
    EnvFromSourceArgs,
    LifecycleArgs,
    LifecycleHandlerArgs,
    Service,
    ServicePortArgs,
    ServiceSpecArgs,
    SleepActionArgs,
    VolumeArgs,
    VolumeMountArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.policy.v1 import PodDisruptionBudget, PodDisruptionBudgetSpecArgs

from components.aws.load_balancer import HEALTH_PATH, LoadBalancer
from components.component import Component
from components.field_owners import DEPLOYMENT, HORIZONTAL_POD_AUTOSCALER, ignored
from components.settings import ApplicationSettings, AutoscalingSettings, LoadBalancerSettings
from components.settings.types import version_label
from components.workload import pods
from components.workload.namespace import Namespace
from components.workload.objects import SKIP_AWAIT, name_of
from contract import APP_LABEL, SERVICE_PORT, TRACK_LABEL, VERSION_LABEL, TrackName

APP_FOLDER = "/etc/dwcp"
SECRET_FOLDER = f"{APP_FOLDER}/secrets"
ROLLOUT_FOLDER = f"{APP_FOLDER}/rollout"
SHARED_FOLDER = "/var/lib/dwcp"
HOME_FOLDER = "/home/nodejs"
SCRATCH_SIZE = "256Mi"

STARTUP_PERIOD_SECONDS = 2
LIVENESS_PERIOD_SECONDS = 10
READINESS_PERIOD_SECONDS = 5

DEREGISTRATION_LAG_SECONDS = 10
"""Time from the deletion of a pod until the load balancer controller starts to deregister the pod's target."""
SHUTDOWN_SECONDS = 30
"""Time from SIGTERM to SIGKILL; equal to the default grace period of a pod. The service must stop within 25 seconds."""

REVISION_HISTORY = 10
"""Number of revisions that ``kubectl rollout undo --to-revision`` can restore (guide, Manual Rollback)."""
PROGRESS_DEADLINE_SECONDS = 600
SURGE = "25%"

SCALE_PERIOD_SECONDS = 60
SCALE_UP_PERCENT = 100
SCALE_UP_PODS = 4
SCALE_DOWN_PERCENT = 25


@dataclass(frozen=True, kw_only=True)
class AppFiles:
    """The names of the objects with configuration, secrets and flags that all tracks share.

    Configuration becomes environment variables; the other objects are mounted as files.
    """

    config_map: pulumi.Input[str]
    secret: pulumi.Input[str]
    rollout: pulumi.Input[str]
    shared_claim: pulumi.Input[str] | None
    digests: Mapping[str, pulumi.Input[str]]
    """Pod annotations that contain the digests of the configuration and the secrets."""


@dataclass(frozen=True, kw_only=True)
class TrackArgs:
    """Inputs of :class:`Track`; the two tracks of an application differ only in the first three fields."""

    track: TrackName
    replicas: int
    """Number of pods at creation. The autoscaler is inactive while the Deployment has 0 replicas."""
    target_group_arn: pulumi.Input[str]
    routed_by: LoadBalancer
    """The component with the listener rule for the target group. Without the rule, no target is healthy, so no pod is ready."""
    image: pulumi.Input[str]
    app: str
    settings: ApplicationSettings
    autoscaling: AutoscalingSettings
    load_balancer: LoadBalancerSettings
    namespace: Namespace
    service_account: pulumi.Input[str]
    files: AppFiles


class Track(Component):
    """A Deployment with its autoscaler, disruption budget and Service, bound to its own target group."""

    deployment: pulumi.Output[str]
    service: pulumi.Output[str]

    def __init__(self, name: str, args: TrackArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        child = ResourceOptions(parent=self)
        labels = {APP_LABEL: args.app, TRACK_LABEL: args.track}
        metadata = ObjectMetaArgs(name=name, namespace=args.namespace.name, labels=labels)
        self.service = name_of(_service(name, args, labels, child))
        routed = ResourceOptions(parent=self, depends_on=[args.routed_by])
        binding = _target_group_binding(name, metadata, self.service, args.target_group_arn, routed)
        # A pod gets its readiness gate at its creation, and only if the binding exists by then.
        deployment = _deployment(name, args, metadata, labels, ResourceOptions(parent=self, depends_on=[binding]))
        self.deployment = name_of(deployment)
        _autoscaler(name, metadata, self.deployment, args.autoscaling, child)
        _disruption_budget(name, metadata, labels, child)
        self.publish()


def _service(name: str, args: TrackArgs, labels: Mapping[str, str], opts: ResourceOptions) -> Service:
    """The Service of a track, with both ports. Each pod belongs to only one Service, so that a ServiceMonitor scrapes it once.

    The target ports are names, so that each pod receives traffic on its own port while a changed port is rolled out.
    """
    return Service(
        f"{name}-service",
        metadata=ObjectMetaArgs(name=name, namespace=args.namespace.name, labels=dict(labels), annotations=SKIP_AWAIT),
        spec=ServiceSpecArgs(
            type="ClusterIP",
            selector=dict(labels),
            ports=[
                ServicePortArgs(name="http", port=SERVICE_PORT, target_port="http"),
                ServicePortArgs(name="metrics", port=args.settings.metrics_port, target_port="metrics"),
            ],
        ),
        opts=opts,
    )


def _target_group_binding(
    name: str, metadata: ObjectMetaArgs, service: pulumi.Output[str], target_group_arn: pulumi.Input[str], opts: ResourceOptions
) -> CustomResource:
    """The binding that registers the pods' addresses in the target group: https://kubernetes-sigs.github.io/aws-load-balancer-controller/."""
    return CustomResource(
        f"{name}-binding",
        api_version="elbv2.k8s.aws/v1beta1",
        kind="TargetGroupBinding",
        metadata=metadata,
        # The SDK has no types for custom resources. Without `networking`, the controller does not change the security groups.
        spec={
            "serviceRef": {"name": service, "port": SERVICE_PORT},
            "targetGroupARN": target_group_arn,
            "targetType": "ip",
        },
        opts=opts,
    )


def _deployment(
    name: str, args: TrackArgs, metadata: ObjectMetaArgs, labels: Mapping[str, str], opts: ResourceOptions
) -> Deployment:
    logical_name = f"{name}-deployment"
    return Deployment(
        logical_name,
        metadata=metadata,
        spec=DeploymentSpecArgs(
            replicas=args.replicas,
            revision_history_limit=REVISION_HISTORY,
            progress_deadline_seconds=PROGRESS_DEADLINE_SECONDS,
            strategy=DeploymentStrategyArgs(
                type="RollingUpdate",
                rolling_update=RollingUpdateDeploymentArgs(max_surge=SURGE, max_unavailable=0),
            ),
            selector=LabelSelectorArgs(match_labels=dict(labels)),
            template=pods.pod_template(
                {**labels, VERSION_LABEL: pulumi.Output.from_input(args.image).apply(version_label)},
                args.files.digests,
                _pod_spec(args, labels),
            ),
        ),
        opts=ResourceOptions.merge(opts, ResourceOptions(ignore_changes=ignored(DEPLOYMENT, logical_name))),
    )


def _pod_spec(args: TrackArgs, labels: Mapping[str, str]) -> pods.PodSpecArgs:
    return pods.pod_spec(
        service_account=args.service_account,
        priority_class=args.namespace.priority_class,
        pull_secret=args.namespace.pull_secret,
        grace_seconds=_drain_seconds(args.load_balancer) + SHUTDOWN_SECONDS,
        spread_over=labels,
        containers=[_container(args)],
        volumes=_volumes(args.files),
    )


def _drain_seconds(settings: LoadBalancerSettings) -> int:
    """Seconds for which a terminating pod still serves requests.

    After this time, the load balancer sends no requests to the pod, and the pod gets SIGTERM.
    """
    return DEREGISTRATION_LAG_SECONDS + settings.deregistration_delay_seconds


def _container(args: TrackArgs) -> ContainerArgs:
    settings = args.settings
    return ContainerArgs(
        name=args.app,
        image=args.image,
        image_pull_policy="IfNotPresent",
        env_from=[EnvFromSourceArgs(config_map_ref=ConfigMapEnvSourceArgs(name=args.files.config_map))],
        ports=[
            ContainerPortArgs(name="http", container_port=settings.port),
            ContainerPortArgs(name="metrics", container_port=settings.metrics_port),
        ],
        resources=pods.resources(
            cpu=(settings.cpu_request, settings.cpu_limit), memory=(settings.memory_request, settings.memory_limit)
        ),
        security_context=pods.container_security(),
        startup_probe=pods.http_probe(
            HEALTH_PATH,
            settings.port,
            period_seconds=STARTUP_PERIOD_SECONDS,
            failures=math.ceil(settings.startup_seconds / STARTUP_PERIOD_SECONDS),
        ),
        liveness_probe=pods.http_probe(
            HEALTH_PATH, settings.port, period_seconds=LIVENESS_PERIOD_SECONDS, delay_seconds=settings.liveness_delay_seconds
        ),
        readiness_probe=pods.http_probe(
            "/ready", settings.port, period_seconds=READINESS_PERIOD_SECONDS, delay_seconds=settings.readiness_delay_seconds
        ),
        lifecycle=LifecycleArgs(pre_stop=LifecycleHandlerArgs(sleep=SleepActionArgs(seconds=_drain_seconds(args.load_balancer)))),
        volume_mounts=_mounts(args.files),
    )


def _volumes(files: AppFiles) -> list[VolumeArgs]:
    shared = [] if files.shared_claim is None else [pods.claim_volume("shared", files.shared_claim)]
    return [
        pods.secret_volume("secrets", files.secret),
        pods.config_volume("rollout", files.rollout),
        pods.scratch_volume("tmp", SCRATCH_SIZE),
        pods.scratch_volume("home", SCRATCH_SIZE),
        *shared,
    ]


def _mounts(files: AppFiles) -> Sequence[VolumeMountArgs]:
    shared = [] if files.shared_claim is None else [VolumeMountArgs(name="shared", mount_path=SHARED_FOLDER)]
    return [
        VolumeMountArgs(name="secrets", mount_path=SECRET_FOLDER, read_only=True),
        VolumeMountArgs(name="rollout", mount_path=ROLLOUT_FOLDER, read_only=True),
        VolumeMountArgs(name="tmp", mount_path="/tmp"),
        VolumeMountArgs(name="home", mount_path=HOME_FOLDER),
        *shared,
    ]


def _autoscaler(
    name: str, metadata: ObjectMetaArgs, deployment: pulumi.Output[str], settings: AutoscalingSettings, opts: ResourceOptions
) -> None:
    """Create the autoscaler. It scales up fast and down slowly, because a missing pod loses requests."""
    logical_name = f"{name}-autoscaler"
    HorizontalPodAutoscaler(
        logical_name,
        metadata=metadata,
        spec=HorizontalPodAutoscalerSpecArgs(
            scale_target_ref=CrossVersionObjectReferenceArgs(api_version="apps/v1", kind="Deployment", name=deployment),
            min_replicas=settings.min_replicas,
            max_replicas=settings.max_replicas,
            metrics=[_utilization("cpu", settings.cpu_percent), _utilization("memory", settings.memory_percent)],
            behavior=HorizontalPodAutoscalerBehaviorArgs(
                scale_up=HPAScalingRulesArgs(
                    stabilization_window_seconds=0,
                    select_policy="Max",
                    policies=[_at_most("Percent", SCALE_UP_PERCENT), _at_most("Pods", SCALE_UP_PODS)],
                ),
                scale_down=HPAScalingRulesArgs(
                    stabilization_window_seconds=settings.scale_down_window_seconds,
                    policies=[_at_most("Percent", SCALE_DOWN_PERCENT)],
                ),
            ),
        ),
        opts=ResourceOptions.merge(opts, ResourceOptions(ignore_changes=ignored(HORIZONTAL_POD_AUTOSCALER, logical_name))),
    )


def _utilization(resource: Literal["cpu", "memory"], percent: int) -> MetricSpecArgs:
    target = MetricTargetArgs(type="Utilization", average_utilization=percent)
    return MetricSpecArgs(type="Resource", resource=ResourceMetricSourceArgs(name=resource, target=target))


def _at_most(kind: Literal["Percent", "Pods"], value: int) -> HPAScalingPolicyArgs:
    return HPAScalingPolicyArgs(type=kind, value=value, period_seconds=SCALE_PERIOD_SECONDS)


def _disruption_budget(name: str, metadata: ObjectMetaArgs, labels: Mapping[str, str], opts: ResourceOptions) -> None:
    PodDisruptionBudget(
        f"{name}-disruption",
        metadata=metadata,
        spec=PodDisruptionBudgetSpecArgs(
            max_unavailable=1,
            selector=LabelSelectorArgs(match_labels=dict(labels)),
            # A pod that is not ready can always be evicted; otherwise it would block the drain of its node.
            unhealthy_pod_eviction_policy="AlwaysAllow",
        ),
        opts=opts,
    )
