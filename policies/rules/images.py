"""Image references: from where, and whether they can change under a running container."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

DEFAULT_REGISTRY = "docker.io"
"""Where an image without a host in its name comes from: https://docs.docker.com/reference/cli/docker/image/tag/"""

RELEASE = re.compile(r"(^|[^0-9])\d+\.\d+(\.\d+)?|^(sha-)?[0-9a-f]{7,40}$")
"""A tag that names one release: a version of two parts at least, or a commit."""

FLOATING = frozenset(
    {"latest", "stable", "main", "master", "edge", "nightly", "dev", "develop", "snapshot", "unstable", "rolling", "head"}
)
"""Words of tags that move with every build, wherever in the tag they stand."""

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def full_name(image: str) -> tuple[str, str, str]:
    """An image's name with its registry, its tag and its digest; ``redis:7.4`` is ``docker.io/library/redis``, ``7.4``, nothing."""
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
    """Whether a tag may name another image tomorrow."""
    return bool(set(re.split(r"[-._]", tag.lower())) & FLOATING) or RELEASE.search(tag) is None


def image_problems(image: str, trusted: Sequence[str]) -> Iterator[tuple[str, str]]:
    """What is wrong with an image reference, each with what would be right."""
    name, tag, digest = full_name(image)
    if not image:
        yield "no image is named", "name one with a tag or digest"
        return
    if "@" in image and DIGEST.fullmatch(digest) is None:
        yield f"{image} has a digest that is none", "use sha256: and 64 hexadecimal digits"
    if not digest and floating(tag):
        yield f"{image} names no release: it can change under a running container", f"use a digest, or a full version: {name}:1.2.3"
    if not any(_starts(name, registry) for registry in trusted):
        yield f"{name} is not from a trusted registry", f"use an image from {', '.join(trusted)}"


def _starts(name: str, trusted: str) -> bool:
    return name == trusted or name.startswith(trusted if trusted.endswith("/") else f"{trusted}/")
