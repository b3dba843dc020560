"""The service's image. `pulumi up` builds it if ``docker.buildContext`` is set; otherwise CI builds and pushes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_docker_build as docker_build
from pulumi import ResourceOptions

from components.component import Component
from components.settings import DockerSettings, RegistryCredentials, Settings
from contract import DOCKERFILE


@dataclass(frozen=True, kw_only=True)
class AppImageArgs:
    """Inputs of :class:`AppImage`."""

    settings: Settings
    registry: RegistryCredentials


class AppImage(Component):
    """Builds ``application.image`` from ``docker.buildContext``, and pushes it if ``docker.buildPush`` is true.

    Without ``docker.buildContext``, it creates no resources.
    """

    reference: pulumi.Output[str]
    """The image by tag and digest if this component builds it; otherwise the image in the settings."""

    def __init__(self, name: str, args: AppImageArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        settings = args.settings.docker
        tag = args.settings.application.image
        self.reference = pulumi.Output.from_input(tag)
        self.build_resources: Sequence[pulumi.Resource] = ()
        """Resources that must exist before the image can be used."""
        if settings.build_context is not None:
            provider = docker_build.Provider(f"{name}-build", host=settings.host or "", opts=ResourceOptions(parent=self))
            image = _image(name, tag, settings, args, ResourceOptions(parent=self, provider=provider))
            self.reference = image.ref
            self.build_resources = (image,)
        self.publish()


def _image(name: str, tag: str, settings: DockerSettings, args: AppImageArgs, opts: ResourceOptions) -> docker_build.Image:
    """The resource that builds the image. A preview does not build it, because a build takes minutes and needs the Docker host."""
    registry = args.registry
    version = tag.rpartition("/")[2].partition("@")[0].partition(":")[2]
    return docker_build.Image(
        f"{name}-image",
        tags=[tag],
        context=docker_build.BuildContextArgs(location=settings.build_context or ""),
        dockerfile=docker_build.DockerfileArgs(location=DOCKERFILE),
        platforms=[docker_build.Platform(each) for each in settings.build_platforms],
        build_args={"VERSION": version.removeprefix("v")},
        push=settings.build_push,
        load=not settings.build_push,
        build_on_preview=False,
        cache_from=_cache_from(settings),
        cache_to=_cache_to(settings),
        registries=[docker_build.RegistryArgs(address=registry.server, username=registry.username, password=registry.token)],
        opts=opts,
    )


def _cache_from(settings: DockerSettings) -> list[docker_build.CacheFromArgs] | None:
    if settings.build_cache is None:
        return None
    return [docker_build.CacheFromArgs(registry=docker_build.CacheFromRegistryArgs(ref=settings.build_cache))]


def _cache_to(settings: DockerSettings) -> list[docker_build.CacheToArgs] | None:
    """The export of a cache with the layers of all stages; the image contains only the layers of the last stage.

    A failed export does not fail the build.
    """
    if settings.build_cache is None:
        return None
    cache = docker_build.CacheToRegistryArgs(
        ref=settings.build_cache, mode=docker_build.CacheMode.MAX, image_manifest=True, oci_media_types=True, ignore_error=True
    )
    return [docker_build.CacheToArgs(registry=cache)]
