"""What can be wrong with the state and with the right to change it."""

from __future__ import annotations

from delivery.errors import DeliveryError


class StateError(DeliveryError):
    """The backend, the state in it, or a backup of it is not as it must be."""


class LeaseHeldError(StateError):
    """Another command holds the environment's lease; ``owner`` says whose it is."""

    def __init__(self, problem: str, fix: str, *, owner: str) -> None:
        super().__init__(problem, fix)
        self.owner = owner


class LeaseLostError(StateError):
    """The lease ran out or another owner took it: nothing may be changed any more under it."""
