"""Checks of image references: whether the registry is trusted, and whether the reference always names the same image."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

DEFAULT_REGISTRY = "docker.io"
"""The registry of an image whose name contains no host: https://docs.docker.com/reference/cli/docker/image/tag/"""

RELEASE = re.compile(r"(^|[^0-9])\d+\.\d+(\.\d+)?|^(git-|sha-)?[0-9a-f]{7,40}$|^\d{4}-\d{2}-\d{2}[t-]?\d{4,6}$")
"""A tag that names one release: a version with at least two numbers, a commit hash, or a time."""

VERSION_WITH_CHANNEL = re.compile(r"^v?\d+\.\d+\.\d+-(lts|stable)$")
"""A tag with a full version and a channel, such as ``v1.2.3-stable``. By convention, it always names the same image."""

FLOATING = frozenset(
    {
        *("latest", "stable", "main", "master", "edge", "nightly", "dev", "develop", "snapshot", "unstable", "rolling", "head"),
        *("alpha", "beta", "canary", "current", "lts", "next", "pr", "preview", "rc", "testing", "trunk", "x"),
    }
)
"""Words in floating tags, which a later build moves to another image."""

COMPONENT = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*")
"""One component of the name of a repository (https://github.com/distribution/reference)."""

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
    """Whether a tag can name another image later. Tags with two numbers (``7.4``) are accepted, although patches move them."""
    tag = tag.lower()
    first, *more = re.split(r"[-._]", tag)
    words = {re.sub(r"\d+$", "", first) or first, *more}
    return RELEASE.search(tag) is None or (bool(words & FLOATING) and VERSION_WITH_CHANNEL.match(tag) is None)


def image_problems(image: str, trusted: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The problems of an image reference, each with its fix."""
    name, tag, digest = full_name(image)
    if not image:
        yield "no image is named", "name an image with a tag or digest"
        return
    invalid = [each for each in name.split("/")[1:] if COMPONENT.fullmatch(each) is None]
    if invalid:
        yield f"the name {name} is not valid: {invalid[0]!r} is not a component of a name", "use lower-case letters and digits"
    if "@" in image and DIGEST.fullmatch(digest) is None:
        yield f"the digest of {image} is not valid", "use sha256: and 64 hexadecimal digits"
    if not digest and floating(tag):
        yield f"{image} does not name one release: it can name another image later", f"use a digest or a full version: {name}:1.2.3"
    if not any(_starts(name, registry) for registry in trusted):
        yield f"{name} is not from a trusted registry", f"use an image from {', '.join(trusted)}"


def _starts(name: str, trusted: str) -> bool:
    return name == trusted or name.startswith(trusted if trusted.endswith("/") else f"{trusted}/")
