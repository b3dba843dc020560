"""The settings group ``redis`` of a stack file."""

from __future__ import annotations

from typing import Literal

from components.settings.groups.group import Group
from components.settings.types import ImageReference, ObjectName, RedisImage, RedisMemory, Storage


class RedisSettings(Group):
    """Redis, the state store of the service."""

    image: RedisImage = "redis:7.4.10-alpine"
    """Redis server image, of a release without known remote code execution (guide: Docker Compose Stack)."""
    exporter_image: ImageReference = "oliver006/redis_exporter:v1.67.0-alpine"
    """Image of its metrics exporter (guide: Docker Compose Stack)."""
    memory: RedisMemory = "512Mi"
    """Memory limit of the pod; `maxmemory` of Redis is lower (guide: Docker Compose Stack)."""
    storage: Storage = "10Gi"
    """Size of the data volume (guide: Deployment Manifests)."""
    storage_class: ObjectName | None = "gp3"
    """Storage class of the data volume; null is the cluster's default (Kubernetes: default StorageClass)."""
    maxmemory_policy: Literal["noeviction", "allkeys-lru", "allkeys-lfu", "volatile-lru", "volatile-lfu", "volatile-ttl"] = (
        "allkeys-lru"
    )
    """What Redis evicts when its memory is full (Redis: key eviction)."""
