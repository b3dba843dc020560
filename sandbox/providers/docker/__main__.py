"""``python -m sandbox.providers.docker``: what the Pulumi engine starts in place of the official docker plugin."""

from importlib.metadata import version

from sandbox.providers.docker.provider import DockerPlugin
from sandbox.providers.plugin import serve

serve(DockerPlugin(), version("pulumi-docker"))
