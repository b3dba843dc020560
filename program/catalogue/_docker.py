"""The Docker types. Their entries do not state which inputs replace a resource."""

from __future__ import annotations

from collections.abc import Mapping

from contract import FIRST_IMAGE
from program.catalogue._type import ResourceType

COMMON = ResourceType(outputs={"name": "{name}"})

TYPES: Mapping[str, ResourceType] = {
    "docker-build:index:Image": ResourceType(outputs={"ref": f"{FIRST_IMAGE}@sha256:{{digest}}"}),
    "docker:index/container:Container": ResourceType(identity="name"),
    "docker:index/network:Network": ResourceType(identity="name", reviewed="connects only containers on one machine"),
    "docker:index/remoteImage:RemoteImage": ResourceType(outputs={"imageId": "sha256:{digest}"}),
    "docker:index/volume:Volume": ResourceType(identity="name", loses="its files"),
}
