"""From an environment to its drift."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError  # pyright: ignore[reportMissingTypeStubs]

from delivery.changes.drift_model import Drift, Foreign
from delivery.changes.refresh import Refreshed, refresh
from delivery.changes.untracked import foreign
from delivery.clients.environment import Environment
from delivery.errors import DeliveryError


def detect(environment: Environment) -> Drift:
    """What differs between the stack's state and the cloud; what could not be looked at is named, and never raises."""
    try:
        read = refresh(environment)
    except DeliveryError as error:
        return Drift(stack=environment.name, problems=(error.problem,))
    found, problems = _foreign(environment, read)
    return Drift(
        stack=environment.name,
        looked_at=sum(1 for each in read.resources if each.get("custom")),
        changes=read.changes,
        foreign=found,
        problems=problems,
    )


def _foreign(environment: Environment, read: Refreshed) -> tuple[tuple[Foreign, ...], tuple[str, ...]]:
    try:
        return foreign(environment, read.resources), ()
    except (BotoCoreError, ClientError) as error:
        return (), (f"resources that carry the project's tag: AWS answers: {error}",)
    except DeliveryError as error:
        return (), (f"resources that carry the project's tag: {error.problem}",)
