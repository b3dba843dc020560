"""Looks up images at their registries with the Docker client, which has the credentials for the registries."""

from __future__ import annotations

import re
import shutil
import subprocess

from delivery.errors import DeliveryError, UsageError

ANSWER_SECONDS = 60
NO_BUILDX = re.compile(r"unknown (command|flag)|is not a docker command")
ABSENT = re.compile(r"not found|manifest unknown|no such manifest", re.IGNORECASE)


class RegistryError(DeliveryError):
    """A registry refused a request, or did not answer."""


def digest_of(image: str) -> str | None:
    """The digest that ``image`` has at its registry, or ``None`` if the registry does not have it.

    Raises ``RegistryError`` if the registry refuses or cannot be reached, and ``UsageError`` without a Docker client or without its
    buildx plugin.
    """
    if shutil.which("docker") is None:
        raise UsageError("there is no `docker` command on PATH", "install Docker's client; this command needs no engine")
    command = ["docker", "buildx", "imagetools", "inspect", "--format", "{{.Manifest.Digest}}", image]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=ANSWER_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise RegistryError(f"the registry of {image} does not answer within {ANSWER_SECONDS} s", "try again") from error
    if done.returncode == 0:
        return done.stdout.strip()
    problem = done.stderr.strip().removeprefix("ERROR: ")
    if NO_BUILDX.search(problem):
        raise UsageError("this Docker client has no buildx plugin", "install the plugin; Debian's package is docker-buildx")
    if ABSENT.search(problem):
        return None
    raise RegistryError(f"the registry of {image} refused or did not answer: {problem}", f"docker login {image.partition('/')[0]}")
