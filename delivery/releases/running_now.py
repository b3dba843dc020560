"""Reads the image, pods, healthy targets and traffic of each track. ``sentence`` describes them for the output of a command."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError  # pyright: ignore[reportMissingTypeStubs]

from contract import TrackName
from delivery.clients.environment import Environment
from delivery.clients.load_balancer import WeightedRule
from delivery.clients.tracks import TrackPods
from delivery.errors import DeliveryError


class NotAsWantedError(DeliveryError):
    """Every step succeeded, but stable does not run the requested image with all of the traffic."""


def shares(environment: Environment) -> dict[TrackName, int | None]:
    """Each track's percentage of the traffic; ``None`` if both weights of the load balancer are 0."""
    split = WeightedRule(environment).weights().split
    return {"stable": None if split is None else 100 - split, "canary": split}


def running(environment: Environment, track: TrackName) -> tuple[TrackPods, int]:
    """The pods of a track, and the number of its ready pods that are healthy targets of the load balancer."""
    pods = environment.tracks.read(track)
    return pods, len(WeightedRule(environment).healthy(track) & pods.ready)


def sentence(environment: Environment) -> str:
    """The running images as text, for example ``stable runs IMAGE: 3 of 3 pods ready, 3 targets healthy, 100 % of the traffic``.

    A track with 0 % of the traffic is omitted, unless both weights of the load balancer are 0. If the facts cannot be read, no
    error is raised, and the text contains the reason.
    """
    try:
        return "; ".join(_described(environment, track, share) for track, share in shares(environment).items() if share != 0)
    except (DeliveryError, BotoCoreError, ClientError, OSError) as error:
        return f"the running release cannot be read: {getattr(error, 'problem', error)}"


def _described(environment: Environment, track: TrackName, share: int | None) -> str:
    pods, healthy = running(environment, track)
    ready = f"{len(pods.ready)} of {pods.replicas} pods ready, {healthy} targets healthy"
    return f"{track} runs {pods.image}: {ready}, {share or 0} % of the traffic"


def require_image(environment: Environment, image: str) -> str:
    """Return :func:`sentence`. Raises ``NotAsWantedError`` unless stable has ``image``, a healthy target and all of the traffic."""
    pods, healthy = running(environment, "stable")
    if pods.image != image or shares(environment)["stable"] != 100 or healthy < min(1, pods.replicas) or not pods.replicas:
        raise NotAsWantedError(
            f"{image} should have all of the traffic, but {sentence(environment)}",
            f"look for the cause: dwcp doctor --environment {environment.name}",
        )
    return sentence(environment)
