"""Helpers for Kubernetes objects: names as outputs, encoded data, and digests of data."""

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
"""Annotation with which the provider does not wait until the object is ready.

Without it, the provider waits until a Service has endpoints. A Service for a target group binding is created before its pods, which
the engine creates only when the Service is ready, so the wait would never end. If the storage class of a claim binds at the first
consumer, the provider waits until the claim is Pending. A bound claim is never Pending again, so an update of its size would fail
after five minutes (pulumi-kubernetes 4.34, ``untilCoreV1PersistentVolumeClaimReady``).
"""


class KubernetesObject(Protocol):
    """An object of the Kubernetes SDK with metadata."""

    @property
    def metadata(self) -> pulumi.Output[ObjectMeta]:
        """The object's metadata."""
        ...


def name_of(resource: KubernetesObject) -> pulumi.Output[str]:
    """The physical name of an object as an output, so that a resource that uses the name depends on the object."""
    return resource.metadata.apply(_name)


def _name(metadata: ObjectMeta) -> str:
    if metadata.name is None:
        raise ValueError("the provider returned a Kubernetes object without a name")
    return metadata.name


def encoded(data: Mapping[str, str]) -> dict[str, str]:
    """``data`` with base64-encoded values, for the field ``data`` of a Secret.

    The program does not use ``stringData``, because the API server never returns this field, and a refresh could not compare it.
    """
    return {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}


def data_digest(data: Mapping[str, str]) -> str:
    """A short digest of configuration data, for a pod annotation, because a changed annotation restarts the pods."""
    return hashlib.sha256(_canonical(data)).hexdigest()[:16]


def secret_digest(data: pulumi.Output[dict[str, str]]) -> pulumi.Output[str]:
    """The digest of secrets, as a pod annotation.

    A slow hash (RFC 7914) makes it impractical for a reader of the annotation to guess passwords offline. The output is not secret,
    because a secret value in a pod template would hide the whole template in every preview.
    """
    return pulumi.Output.unsecret(data.apply(_slow_digest))


async def _slow_digest(data: Mapping[str, str]) -> str:
    """The digest. A thread computes it, so that the program continues in the meantime."""
    slow = partial(hashlib.scrypt, salt=APPLICATION.encode(), n=2**14, r=8, p=1, dklen=8)
    return (await asyncio.to_thread(slow, _canonical(data))).hex()


def _canonical(data: Mapping[str, str]) -> bytes:
    return json.dumps(dict(data), sort_keys=True).encode()
