"""Checks of image references: whether the registry is trusted, and whether the reference always names the same image."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

DEFAULT_REGISTRY = "docker.io"
"""The registry of an image whose name contains no host: https://docs.docker.com/reference/cli/docker/image/tag/"""

RELEASE = re.compile(r"(^|[^0-9])\d+\.\d+(\.\d+)?|^(sha-)?[0-9a-f]{7,40}$")
"""A tag that names one release: a version with at least two numbers, or a commit hash."""

FLOATING = frozenset(
    {"latest", "stable", "main", "master", "edge", "nightly", "dev", "develop", "snapshot", "unstable", "rolling", "head"}
)
"""Words in floating tags, which a later build moves to another image."""

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def full_name(image: str) -> tuple[str, str, str]:
    """Full name, tag and digest of an image reference: ``docker.io/library/redis``, ``7.4`` and ``""`` for ``redis:7.4``."""
    name, _, digest = image.partition("@")
    head, slash, last = name.rpartition("/")
    last, _, tag = last.partition(":")
    name = f"{head}{slash}{last}"
    host = name.partition("/")[0]
    if "/" not in name:
        name = f"{DEFAULT_REGISTRY}/library/{name}"
    elif not re.search(r"[.:]", host) and host != "localhost":
        name = f"{DEFAULT_REGISTRY}/{name}"
    return name, tag, digest


def floating(tag: str) -> bool:
    """Whether a tag can name another image later."""
    return bool(set(re.split(r"[-._]", tag.lower())) & FLOATING) or RELEASE.search(tag) is None


def image_problems(image: str, trusted: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The problems of an image reference, each with its fix."""
    name, tag, digest = full_name(image)
    if not image:
        yield "no image is named", "name one with a tag or digest"
        return
    if "@" in image and DIGEST.fullmatch(digest) is None:
        yield f"the digest of {image} is not valid", "use sha256: and 64 hexadecimal digits"
    if not digest and floating(tag):
        yield f"{image} does not name one release: its image can change", f"use a digest, or a full version: {name}:1.2.3"
    if not any(_starts(name, registry) for registry in trusted):
        yield f"{name} is not from a trusted registry", f"use an image from {', '.join(trusted)}"


def _starts(name: str, trusted: str) -> bool:
    return name == trusted or name.startswith(trusted if trusted.endswith("/") else f"{trusted}/")
