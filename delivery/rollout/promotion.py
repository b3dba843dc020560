"""Stable's new image by the engine, so that the stack knows it and the next `pulumi up` keeps it."""

from __future__ import annotations

from collections.abc import Mapping

from delivery.clients.environment import Environment
from delivery.clients.pulumi import Engine
from delivery.releases.stack_file import committed, with_release
from delivery.state.lease import Lease


class EnginePromoter:
    """An update of the stack with the image as its release; nothing else changes where the program is the deployed one."""

    def __init__(self, environment: Environment, lease: Lease, configs: Mapping[str, str]) -> None:
        """``configs`` are the stack files that images were released with; without one the checkout's is used."""
        self._environment = environment
        self._lease = lease
        self._configs = configs

    def promote(self, image: str) -> None:
        """One `pulumi up`, policies enforced. Raises ``DeliveryError``."""
        file = self._configs.get(image) or committed(self._environment.name)
        Engine(self._environment).up(with_release(file, image), self._lease)
