"""The Docker stack on a local or remote Docker host: the content of the compose file as resources of the Pulumi Docker provider.

A remote host does not have the configuration files, and the provider cannot upload files into a container with a read-only root
file system. So each folder of files has a volume and a helper container that never runs. The provider uploads the files into the
helper, which mounts the volume. The name of the volume contains the digest of the files. A changed file therefore creates a new
volume and a new container, and a container never sees a partial change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter

import pulumi
import pulumi_docker as docker
from pulumi import ResourceOptions

from components.component import Component
from components.compose._service import (
    HOST_FOLDER,
    LOG_FILES,
    LOG_SIZE,
    SCRATCH_MIB,
    NetworkName,
    Service,
    Stack,
    duration,
    plain,
)
from components.compose.image import AppImage
from components.compose.services import stack
from components.settings import RegistryCredentials, Secrets, Settings
from components.workload.objects import data_digest, secret_digest
from contract import APPLICATION, DOCKER_HEALTHY_SECONDS

SECRETS_FOLDER = "/run/secrets"
FILE_PERMISSIONS = "0444"
"""Permissions of uploaded files: all users can read them, because the container's user is not their owner."""

HELPER_MIB = 16
"""Memory limit of a helper container. The container never runs, but the policies require a limit for every container."""

SWAP_FACTOR = 2
"""Limit of memory and swap together, as a multiple of the memory limit. It is Docker's default, and is written out because the
provider would report the default as a change."""


@dataclass(frozen=True, kw_only=True)
class DockerStackArgs:
    """Inputs of :class:`DockerStack`."""

    settings: Settings
    secrets: Secrets
    image: AppImage
    """The component of the service's image. If the component builds the image, the containers are created after the build."""


class DockerStack(Component):
    """The seven services with their networks, volumes and files. Creates no resources unless ``docker.enabled`` is true."""

    addresses: pulumi.Output[dict[str, str]]
    """The first published port of each service that publishes ports, as ``ADDRESS:PORT`` on the host."""

    def __init__(self, name: str, args: DockerStackArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        services = stack(args.settings)
        self.addresses = pulumi.Output.from_input({})
        if args.settings.docker.enabled:
            provider = _provider(name, args, ResourceOptions(parent=self))
            child = ResourceOptions(parent=self, provider=provider, depends_on=args.image.build_resources)
            _Host(name, services, _secret_values(services, args.secrets), _ImageInputs.of(args), child)
            self.addresses = pulumi.Output.from_input(
                {each.name: f"{services.publish_address}:{each.ports[0].host}" for each in services.services if each.ports}
            )
        self.publish()


def _provider(name: str, args: DockerStackArgs, opts: ResourceOptions) -> docker.Provider:
    return docker.Provider(
        f"{name}-docker", host=args.settings.docker.host, registry_auth=[registry_auth(args.secrets.registry)], opts=opts
    )


def registry_auth(credentials: RegistryCredentials) -> docker.ProviderRegistryAuthArgs:
    """The credentials with which the host pulls the service's image."""
    return docker.ProviderRegistryAuthArgs(address=credentials.server, username=credentials.username, password=credentials.token)


def _secret_values(services: Stack, secrets: Secrets) -> Mapping[str, pulumi.Output[str]]:
    """The value of each secret that a service of the stack reads."""
    found: dict[str, pulumi.Output[str]] = {"redis_password": secrets.redis_password}
    if secrets.grafana_password is not None:
        found["grafana_password"] = secrets.grafana_password
    if secrets.alert_receivers is not None:
        for secret in services.secrets:
            if secret.startswith("alert_"):
                found[secret] = secrets.alert_receivers[secret.removeprefix("alert_")]
    return found


@dataclass(frozen=True)
class _ImageInputs:
    """The inputs of a ``RemoteImage``. For the service's image, they change with each build, although the tag stays the same.

    If the build pushes the image, the name contains the digest. With the tag, the provider would pull nothing, because it pulls
    only an image that is missing, and the host has the old image under the same tag.

    If the build only loads the image, the host already has the image, but only under the tag. So the name contains the tag, and
    the digest is a pull trigger.
    """

    name: pulumi.Input[str]
    triggers: list[pulumi.Output[str]] | None = None

    @staticmethod
    def of(args: DockerStackArgs) -> _ImageInputs:
        """The inputs for the service's image, which is the image in the settings, or the image that this program builds."""
        if args.image.build_resources and not args.settings.docker.build_push:
            return _ImageInputs(args.settings.application.image, [args.image.reference])
        return _ImageInputs(args.image.reference)


class _Host:
    """Creates the Docker resources of a stack; a service is created after its dependencies."""

    def __init__(
        self, name: str, stack: Stack, secrets: Mapping[str, pulumi.Output[str]], service_image: _ImageInputs, opts: ResourceOptions
    ) -> None:
        self.name = name
        self.stack = stack
        self.secrets = secrets
        self.service_image = service_image
        self.opts = opts
        self.networks = {network: self._network(network, internal) for network, internal in stack.networks.items()}
        self.volumes = {volume: docker.Volume(f"{name}-{volume}", name=f"{name}-{volume}", opts=opts) for volume in stack.volumes}
        self.images: dict[str, docker.RemoteImage] = {}
        self.containers: dict[str, docker.Container] = {}
        for service in in_order(stack.services):
            self.containers[service.name] = self._container(service)

    def _network(self, network: NetworkName, internal: bool) -> docker.Network:
        # If the program sets no gateway, Docker adds one at its next start, and the provider would replace the network.
        addresses = docker.NetworkIpamConfigArgs(subnet=self.stack.subnet, gateway=self.stack.gateway)
        subnet = [addresses] if network == "monitoring" else None
        logical_name = f"{self.name}-{network}"
        return docker.Network(
            logical_name, name=logical_name, driver="bridge", internal=internal, ipam_configs=subnet, opts=self.opts
        )

    def _image(self, service: Service) -> docker.RemoteImage:
        """The resource of an image. ``pulumi destroy`` keeps the image on the host, because other containers may use it."""
        name = plain(service.image)
        if name not in self.images:
            key = name.rpartition("/")[2].partition(":")[0]
            source = self.service_image if service.name == APPLICATION else _ImageInputs(name)
            self.images[name] = docker.RemoteImage(
                f"{self.name}-image-{key}", name=source.name, pull_triggers=source.triggers, keep_locally=True, opts=self.opts
            )
        return self.images[name]

    def _container(self, service: Service) -> docker.Container:
        name = f"{self.name}-{service.name}"
        image = self._image(service).image_id
        files, uploads = self._files(name, service, image)
        waits_for = [*uploads, *(self.containers[each] for each in service.after)]
        return docker.Container(
            name,
            name=name,
            image=image,
            user=service.user,
            entrypoints=list(service.entrypoint) or None,
            command=list(service.command) or None,
            envs=[f"{key}={plain(value)}" for key, value in service.environment.items()] or None,
            ports=[
                docker.ContainerPortArgs(internal=each.container, external=each.host, ip=self.stack.publish_address, protocol="tcp")
                for each in service.ports
            ]
            or None,
            volumes=[*self._data(service), *([_host_files()] if service.sees_host else [])] or None,
            mounts=files or None,
            tmpfs=dict.fromkeys(service.scratch, f"size={SCRATCH_MIB}m,mode=1777") or None,
            networks_advanced=[
                docker.ContainerNetworksAdvancedArgs(name=self.networks[each].name, aliases=[service.name])
                for each in service.networks
            ]
            or None,
            network_mode="host" if service.sees_host else "bridge",
            pid_mode="host" if service.sees_host else None,
            healthcheck=docker.ContainerHealthcheckArgs(
                tests=["CMD", *service.health.command],
                interval=duration(service.health.interval_seconds),
                timeout=duration(service.health.timeout_seconds),
                retries=service.health.retries,
                start_period=duration(service.health.start_seconds),
            ),
            restart="unless-stopped",
            stop_timeout=service.stop_seconds,
            destroy_grace_seconds=service.stop_seconds,
            read_only=True,
            capabilities=docker.ContainerCapabilitiesArgs(drops=["ALL"]),
            security_opts=["no-new-privileges:true"],
            cpus=f"{service.cpus.normalize():f}",
            memory=service.memory_mib,
            memory_swap=SWAP_FACTOR * service.memory_mib,
            log_driver="json-file",
            log_opts={"max-size": LOG_SIZE, "max-file": LOG_FILES},
            wait=True,
            wait_timeout=DOCKER_HEALTHY_SECONDS,
            # The old container must be deleted first, because names and published ports are unique on a host.
            opts=ResourceOptions.merge(self.opts, ResourceOptions(delete_before_replace=True, depends_on=waits_for)),
        )

    def _data(self, service: Service) -> list[docker.ContainerVolumeArgs]:
        return [
            docker.ContainerVolumeArgs(volume_name=self.volumes[each.volume].name, container_path=each.target)
            for each in service.data
        ]

    def _files(
        self, name: str, service: Service, image: pulumi.Output[str]
    ) -> tuple[list[docker.ContainerMountArgs], list[docker.Container]]:
        """The read-only mounts of the volumes with a service's files, and the helper containers that fill these volumes."""
        mounts: list[docker.ContainerMountArgs] = []
        helpers: list[docker.Container] = []
        for folder in service.folders:
            uploads = [
                docker.ContainerUploadArgs(file=f"{folder.target}/{path}", content=text, permissions=FILE_PERMISSIONS)
                for path, text in folder.files.items()
            ]
            logical_name = f"{self.name}-{folder.name}-files"
            volume = pulumi.Output.from_input(f"{logical_name}-{data_digest(folder.files)}")
            mount, helper = self._filled_volume(logical_name, volume, folder.target, uploads, image)
            mounts.append(mount)
            helpers.append(helper)
        if values := {
            each.target: self.secrets[each.secret] for each in service.secrets if each.secret in self.secrets or not each.optional
        }:
            uploads = [
                docker.ContainerUploadArgs(file=target, content=value, permissions=FILE_PERMISSIONS)
                for target, value in values.items()
            ]
            logical_name = f"{name}-secrets"
            volume = pulumi.Output.concat(f"{logical_name}-", secret_digest(pulumi.Output.all(**values)))
            mount, helper = self._filled_volume(logical_name, volume, SECRETS_FOLDER, uploads, image)
            mounts.append(mount)
            helpers.append(helper)
        return mounts, helpers

    def _filled_volume(
        self,
        logical_name: str,
        volume_name: pulumi.Output[str],
        target: str,
        uploads: list[docker.ContainerUploadArgs],
        image: pulumi.Output[str],
    ) -> tuple[docker.ContainerMountArgs, docker.Container]:
        volume = docker.Volume(logical_name, name=volume_name, opts=self.opts)
        helper = docker.Container(
            f"{logical_name}-upload",
            name=f"{logical_name}-upload",
            image=image,
            uploads=uploads,
            mounts=[_mount(volume, target, read_only=False)],
            network_mode="none",
            capabilities=docker.ContainerCapabilitiesArgs(drops=["ALL"]),
            security_opts=["no-new-privileges:true"],
            memory=HELPER_MIB,
            memory_swap=SWAP_FACTOR * HELPER_MIB,
            cpus="0.1",
            start=False,
            must_run=False,
            opts=ResourceOptions.merge(self.opts, ResourceOptions(delete_before_replace=True)),
        )
        return _mount(volume, target, read_only=True), helper


def _mount(volume: docker.Volume, target: str, *, read_only: bool) -> docker.ContainerMountArgs:
    """A mount that does not copy the image's files into the volume. By default, Docker copies these files into a new volume."""
    options = docker.ContainerMountVolumeOptionsArgs(no_copy=True)
    return docker.ContainerMountArgs(type="volume", source=volume.name, target=target, read_only=read_only, volume_options=options)


def _host_files() -> docker.ContainerVolumeArgs:
    return docker.ContainerVolumeArgs(host_path="/", container_path=HOST_FOLDER, read_only=True)


def in_order(services: tuple[Service, ...]) -> list[Service]:
    """The services, sorted so that each service follows its dependencies. Raises ``graphlib.CycleError`` for a cycle."""
    by_name = {each.name: each for each in services}
    return [by_name[name] for name in TopologicalSorter({each.name: each.after for each in services}).static_order()]
