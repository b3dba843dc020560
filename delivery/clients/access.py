"""What leases, state and releases need of an environment: the least that a test has to stand in for."""

from __future__ import annotations

from typing import Any, Protocol


class Access(Protocol):
    """An environment as far as AWS is concerned; :class:`delivery.clients.environment.Environment` is one."""

    @property
    def name(self) -> str:
        """``staging``; the stack's name too."""
        ...

    @property
    def region(self) -> str:
        """``us-east-1``."""
        ...

    def aws(self, service: str) -> Any:
        """A boto3 client."""
        ...

    def output(self, component: str, name: str) -> Any:
        """An output of the stack."""
        ...
