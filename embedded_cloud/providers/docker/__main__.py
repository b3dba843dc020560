"""``python -m embedded_cloud.providers.docker``: what the Pulumi engine starts in place of the official docker plugin."""

from importlib.metadata import version

from embedded_cloud.providers.docker.provider import DockerPlugin
from embedded_cloud.providers.plugin import serve

serve(DockerPlugin(), version("pulumi-docker"))
