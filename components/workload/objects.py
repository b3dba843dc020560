"""Small things that many Kubernetes objects need: their names as outputs, encoded data, and digests of it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import Mapping
from functools import partial
from typing import Protocol

import pulumi
from pulumi_kubernetes.meta.v1.outputs import ObjectMeta

from contract import APPLICATION

SKIP_AWAIT = {"pulumi.com/skipAwait": "true"}
"""For an object that is ready only after something created later, or never by itself.

A Service waits for endpoints, so one that comes before its pods (target group bindings need it so) would wait forever.
"""


class KubernetesObject(Protocol):
    """Any object of the Kubernetes SDK that has a name."""

    @property
    def metadata(self) -> pulumi.Output[ObjectMeta]:
        """The object's metadata."""
        ...


def name_of(resource: KubernetesObject) -> pulumi.Output[str]:
    """The physical name of an object; whoever uses it is created after the object."""
    return resource.metadata.apply(_name)


def _name(metadata: ObjectMeta) -> str:
    if metadata.name is None:
        raise ValueError("a Kubernetes object came back without a name")
    return metadata.name


def encoded(data: Mapping[str, str]) -> dict[str, str]:
    """Values in base64, as a Secret's ``data`` holds them.

    ``stringData`` is write-only: the API server never shows it again, so a refresh could not compare it.
    """
    return {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}


def digest(data: Mapping[str, str]) -> str:
    """A short digest of configuration: as a pod annotation it restarts the pods when their configuration changes."""
    return hashlib.sha256(_canonical(data)).hexdigest()[:16]


def secret_digest(data: pulumi.Output[dict[str, str]]) -> pulumi.Output[str]:
    """The same for secrets, by a slow hash (RFC 7914), since an annotation is readable by many and passwords can be guessed.

    The digest itself is no secret: one secret value inside a pod template would hide the whole template in every preview.
    """
    return pulumi.Output.unsecret(data.apply(_slow_digest))


async def _slow_digest(data: Mapping[str, str]) -> str:
    """In a thread: the hash is slow by intent, and the program goes on meanwhile."""
    slow = partial(hashlib.scrypt, salt=APPLICATION.encode(), n=2**14, r=8, p=1, dklen=8)
    return (await asyncio.to_thread(slow, _canonical(data))).hex()


def _canonical(data: Mapping[str, str]) -> bytes:
    return json.dumps(dict(data), sort_keys=True).encode()
