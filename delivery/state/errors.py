"""The errors of the state and of the lease on it."""

from __future__ import annotations

from delivery.errors import DeliveryError


class StateError(DeliveryError):
    """The backend, its state, or a backup is not valid."""


class LeaseHeldError(StateError):
    """Another command holds the environment's lease; ``owner`` names it."""

    def __init__(self, problem: str, fix: str, *, owner: str) -> None:
        super().__init__(problem, fix)
        self.owner = owner


class LeaseLostError(StateError):
    """The lease expired or another owner took it, so that this command may not change anything any more."""
