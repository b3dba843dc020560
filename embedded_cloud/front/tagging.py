"""Adds the resources of EKS to the answers of the tagging API, because moto omits these resources."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from moto.backends import get_backend
from moto.core.base_backend import BackendDict, BaseBackend
from moto.core.resource_tagging import TaggableResourcesMixin, TaggedResource

from embedded_cloud.front import eks
from embedded_cloud.front.accounts import ACCOUNT


class TaggedEks(TaggableResourcesMixin, BaseBackend):
    """A backend that only lists resources: moto's clusters and node groups, and the resources that ``eks.py`` stores."""

    SERVICE_NAMESPACE: ClassVar[str] = "eks"

    def iter_tagged_resources(self) -> Iterator[TaggedResource]:
        """The resources of EKS in this region, with their tags."""
        found: Any = get_backend("eks")[ACCOUNT][self.region_name]
        for cluster in list(found.clusters.values()):
            yield TaggedResource(cluster.arn, cluster.tags or {}, "eks:cluster")
            for group in list(cluster.nodegroups.values()):
                yield TaggedResource(group.arn, group.tags or {}, "eks:nodegroup")
            for arn, tags in eks.tagged_parts(cluster.name):
                yield TaggedResource(arn, tags, f"eks:{arn.split(':')[5].split('/')[0]}")


def add_eks_to_tagging() -> None:
    """Make the tagging API list the resources of EKS.

    moto lists the resources of a backend only after an instance of the backend was created for the account, as this function does.
    """
    BackendDict(TaggedEks, "eks")[ACCOUNT]  # pyright: ignore[reportUnusedExpression]
