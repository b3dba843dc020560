"""The Docker stack of the platform alone."""

from components.component import export
from components.compose.docker_host import DockerStack, DockerStackArgs
from components.compose.image import AppImage, AppImageArgs
from components.settings import load

settings, secrets = load()
image = AppImage("dwcp-v3", AppImageArgs(settings=settings, registry=secrets.registry))
export(docker_stack=DockerStack("dwcp-v3", DockerStackArgs(settings=settings, secrets=secrets, image=image)))
