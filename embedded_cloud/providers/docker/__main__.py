"""The entry point of the provider, which the engine starts as ``pulumi-resource-docker``."""

from importlib.metadata import version

from embedded_cloud.providers.docker.provider import DockerPlugin
from embedded_cloud.providers.plugin import serve

serve(DockerPlugin(), version("pulumi-docker"))
