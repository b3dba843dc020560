"""The settings group ``redis`` of a stack file."""

from __future__ import annotations

from typing import Literal

from components.settings.groups._group import Group
from components.settings.types import ImageReference, ObjectName, RedisImage, RedisMemory, Storage


class RedisSettings(Group):
    """Redis, the state store of the service."""

    image: RedisImage = "redis:7.4.10-alpine"
    """Redis server image; versions with known remote code execution vulnerabilities are rejected (guide: Docker Compose Stack)."""
    exporter_image: ImageReference = "oliver006/redis_exporter:v1.67.0-alpine"
    """Image of the metrics exporter of Redis (guide: Docker Compose Stack)."""
    memory: RedisMemory = "512Mi"
    """Memory limit of the Redis container; `maxmemory` is 75 % of this limit (guide: Docker Compose Stack)."""
    storage: Storage = "10Gi"
    """Size of the data volume (guide: Deployment Manifests)."""
    storage_class: ObjectName | None = "gp3"
    """Storage class of the data volume; null selects the cluster's default (Kubernetes: default StorageClass)."""
    maxmemory_policy: Literal["noeviction", "allkeys-lru", "allkeys-lfu", "volatile-lru", "volatile-lfu", "volatile-ttl"] = (
        "allkeys-lru"
    )
    """Eviction policy that applies when Redis reaches `maxmemory` (Redis: key eviction)."""
