"""Looks up images in their registries with the Docker client, which has the credentials for the registries."""

from __future__ import annotations

import re

from delivery.clients import docker
from delivery.errors import DeliveryError, UsageError

NO_BUILDX = re.compile(r"unknown (command|flag)|is not a docker command")
ABSENT = re.compile(r"not found|manifest unknown|no such manifest", re.IGNORECASE)


class RegistryError(DeliveryError):
    """A registry refused a request, or did not answer."""


def digest_of(image: str) -> str | None:
    """The digest that ``image`` has at its registry, or ``None`` if the registry does not have the image.

    Raises ``RegistryError`` if the registry refuses the request or cannot be reached, and ``UsageError`` if there is no Docker
    client or the client has no buildx plugin.
    """
    done = docker.run("buildx", "imagetools", "inspect", "--format", "{{.Manifest.Digest}}", image)
    if done.returncode == 0:
        return done.stdout.strip()
    problem = done.stderr.strip().removeprefix("ERROR: ")
    if NO_BUILDX.search(problem):
        raise UsageError("this Docker client has no buildx plugin", "install the plugin; Debian's package is docker-buildx")
    if ABSENT.search(problem):
        return None
    raise RegistryError(f"the registry of {image} refused or did not answer: {problem}", f"docker login {image.partition('/')[0]}")
