"""Describes the running images in one sentence, for the message at the end of a command."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError  # pyright: ignore[reportMissingTypeStubs]

from contract import TrackName
from delivery.clients.environment import Environment
from delivery.clients.load_balancer import WeightedRule
from delivery.errors import DeliveryError


class NotAsWantedError(DeliveryError):
    """Every step succeeded, but stable does not run the requested image with all of the traffic."""


def sentence(environment: Environment) -> str:
    """The sentence, for example ``stable runs IMAGE: 3 of 3 pods ready, 3 targets healthy, 100 % of the traffic``.

    If the facts cannot be read, no error is raised: the sentence contains the reason.
    """
    try:
        split = WeightedRule(environment).weights().split
        shares: dict[TrackName, int | None] = {"stable": None if split is None else 100 - split, "canary": split}
        return "; ".join(_described(environment, track, share) for track, share in shares.items() if share != 0)
    except (DeliveryError, BotoCoreError, ClientError, OSError) as error:
        return f"the running release cannot be read: {getattr(error, 'problem', error)}"


def _described(environment: Environment, track: TrackName, share: int | None) -> str:
    pods = environment.kubernetes.track(track)
    healthy = len(WeightedRule(environment).healthy(track) & pods.ready)
    traffic = "an unknown share" if share is None else f"{share} %"
    ready = f"{len(pods.ready)} of {pods.replicas} pods ready, {healthy} targets healthy"
    return f"{track} runs {pods.image}: {ready}, {traffic} of the traffic"


def require_image(environment: Environment, image: str) -> str:
    """Return :func:`sentence`. Raises ``NotAsWantedError`` unless stable has ``image``, a healthy target and all of the traffic."""
    rule, pods = WeightedRule(environment), environment.kubernetes.track("stable")
    healthy, split = len(rule.healthy("stable") & pods.ready), rule.weights().split
    if pods.image != image or split != 0 or healthy < min(1, pods.replicas) or not pods.replicas:
        raise NotAsWantedError(
            f"{image} should have all of the traffic, but {sentence(environment)}",
            f"look for the cause: dwcp doctor --environment {environment.name}",
        )
    return sentence(environment)
