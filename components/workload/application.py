"""The DWCP v3 service: its shared configuration, the stable track, and the canary track for rollouts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pulumi
from pulumi import ResourceOptions
from pulumi_kubernetes.core.v1 import (
    ConfigMap,
    PersistentVolumeClaim,
    PersistentVolumeClaimSpecArgs,
    VolumeResourceRequirementsArgs,
)
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.rbac.v1 import PolicyRuleArgs

from components.aws.addresses import subnet_plan
from components.aws.load_balancer import LoadBalancer
from components.component import Component
from components.field_owners import CONFIG_MAP, ignored
from components.settings import ApplicationSettings, Settings
from components.workload._release import stable_image
from components.workload._tracks import HOME_FOLDER, SECRET_FOLDER, AppFiles, Track, TrackArgs
from components.workload.environment import Place, service_environment
from components.workload.namespace import Namespace
from components.workload.network_policies import Endpoint, allow, from_networks, to_network, to_pods
from components.workload.objects import SKIP_AWAIT, data_digest, name_of, secret_digest
from components.workload.redis import Redis
from components.workload.workloads import Workload
from contract import API_KEY_PREFIX, ROLLOUT_KEY

REDIS_PASSWORD_KEY = "redis-password"


@dataclass(frozen=True, kw_only=True)
class ApplicationArgs:
    """Inputs of :class:`Application`."""

    settings: Settings
    namespace: Namespace
    redis: Redis
    load_balancer: LoadBalancer
    api_keys: pulumi.Output[dict[str, str]]


class Application(Component):
    """The service on two tracks: ``stable`` receives the traffic, and ``canary`` has no pods outside a rollout.

    The tracks share configuration, secrets, service account and network policies. The load balancer's weighted rule splits the
    traffic between the tracks, and the ``dwcp`` command sets the rule's weights.
    """

    image: pulumi.Output[str]
    """The image of the stable track. ``application.image`` applies only to the first ``pulumi up``."""
    deployment: pulumi.Output[str]
    canary_deployment: pulumi.Output[str]
    service: pulumi.Output[str]
    """The stable track's Service, to which the Ingress sends its requests."""
    rollout: pulumi.Output[str]
    """Name of the ConfigMap with the canary's share of the traffic, for feature flags."""

    def __init__(self, name: str, args: ApplicationArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        child = ResourceOptions(parent=self)
        settings = args.settings.application
        self.namespace = args.namespace
        self.redis = args.redis
        self.endpoint = Endpoint(name, settings.port)
        self.metrics = Endpoint(name, settings.metrics_port)
        self.image = stable_image(settings.image, settings.release)
        workload = Workload(name=name, namespace=args.namespace, opts=child)

        self.rollout = name_of(_rollout_flag(name, args.namespace, child))
        _network_policy(self.endpoint, args, child)
        stable = TrackArgs(
            track="stable",
            replicas=settings.replicas,
            target_group_arn=args.load_balancer.stable_target_group_arn,
            routed_by=args.load_balancer,
            image=self.image,
            app=name,
            settings=settings,
            autoscaling=args.settings.autoscaling,
            load_balancer=args.settings.load_balancer,
            namespace=args.namespace,
            service_account=_service_account(workload, self.rollout),
            files=_files(workload, args, self.rollout),
        )
        canary = replace(stable, track="canary", replicas=0, target_group_arn=args.load_balancer.canary_target_group_arn)
        stable_track = Track(name, stable, child)
        self.deployment, self.service = stable_track.deployment, stable_track.service
        self.canary_deployment = Track(f"{name}-canary", canary, child).deployment
        self.publish()


def _rollout_flag(name: str, namespace: Namespace, opts: ResourceOptions) -> ConfigMap:
    logical_name = f"{name}-rollout"
    return ConfigMap(
        logical_name,
        metadata=ObjectMetaArgs(name=logical_name, namespace=namespace.name, labels={"app": name}),
        data={ROLLOUT_KEY: "0"},
        opts=ResourceOptions.merge(opts, ResourceOptions(ignore_changes=ignored(CONFIG_MAP, logical_name))),
    )


def _files(workload: Workload, args: ApplicationArgs, rollout: pulumi.Output[str]) -> AppFiles:
    """Create the objects with configuration and secrets; return their names and digests.

    The digests are annotations of the pods, so that a change restarts the pods. The rollout flag has no digest, because a change
    of the flag must not restart the pods.
    """
    place = Place(redis_url=args.redis.url, redis_password_file=f"{SECRET_FOLDER}/{REDIS_PASSWORD_KEY}", home=HOME_FOLDER)
    data = service_environment(args.settings, place)
    secrets = pulumi.Output.all(args.redis.password, args.api_keys).apply(_secret_data)
    return AppFiles(
        config_map=workload.config(data),
        secret=workload.secret(secrets),
        rollout=rollout,
        shared_claim=_shared_claim(workload, args.settings.application),
        digests={
            "dwcp/config-digest": pulumi.Output.all(**data).apply(data_digest),
            "dwcp/secret-digest": secret_digest(secrets),
        },
    )


def _secret_data(parts: Sequence[Any]) -> dict[str, str]:
    password: str = parts[0]
    api_keys: dict[str, str] = parts[1]
    return {REDIS_PASSWORD_KEY: password} | {f"{API_KEY_PREFIX}{api}": key for api, key in api_keys.items()}


def _shared_claim(workload: Workload, settings: ApplicationSettings) -> pulumi.Output[str] | None:
    """Create the claim of the volume to which all pods can write, and return its name; ``None`` without ``sharedVolume``."""
    if settings.shared_volume is None:
        return None
    name = f"{workload.name}-shared"
    claim = PersistentVolumeClaim(
        name,
        metadata=workload.metadata_as(name, SKIP_AWAIT),
        spec=PersistentVolumeClaimSpecArgs(
            access_modes=["ReadWriteMany"],
            storage_class_name=settings.shared_volume_class,
            resources=VolumeResourceRequirementsArgs(requests={"storage": settings.shared_volume}),
        ),
        opts=workload.opts,
    )
    return name_of(claim)


def _service_account(workload: Workload, rollout: pulumi.Output[str]) -> pulumi.Output[str]:
    """A service account that may only read the rollout flag, because the guide requires one ("ServiceAccount: RBAC configuration").

    The pods do not use this permission: they read the flag from a file, so the account's token is not mounted.
    """
    account = workload.account()
    workload.role(
        account, [PolicyRuleArgs(api_groups=[""], resources=["configmaps"], resource_names=[rollout], verbs=["get", "watch"])]
    )
    return account


def _network_policy(endpoint: Endpoint, args: ApplicationArgs, opts: ResourceOptions) -> None:
    """Allow requests from the load balancer, and requests to Redis and to the networks in ``application.egress``.

    The load balancer's requests come from its addresses in the public subnets.
    """
    network = args.settings.network
    public = [public for public, _ in subnet_plan(network.vpc_cidr, network.zones).values()]
    allow(
        endpoint.app,
        args.namespace.name,
        endpoint.app,
        ingress=[from_networks(public, "http")],
        egress=[to_pods(args.redis.endpoint), *(to_network(each.cidr, each.ports) for each in args.settings.application.egress)],
        opts=opts,
    )
