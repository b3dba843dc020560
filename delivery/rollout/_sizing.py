"""Calculates how many pods a track needs before it gets traffic. The load can have grown since the rollout began."""

from __future__ import annotations

import math

from delivery.rollout.actions import Observation, TrackState
from delivery.rollout.plan import Plan

SMALLEST_SHARE = 50
"""Smallest share of the traffic, in percent, for which the total load is estimated from a track's number of pods."""


def total_pods(plan: Plan, observed: Observation) -> int:
    """Number of pods that all of the traffic needs: the number at the start of the rollout, or more if autoscalers have added pods.

    The number of a track's pods shows the load as follows:

    - A track with all of the traffic needs the pods that it has.
    - A track with at least ``SMALLEST_SHARE`` percent gives an estimate if it has more pods than its autoscaler's minimum, because
      one pod fewer would not be enough for its share. At the minimum, the number of pods does not depend on the load.
    - A track with a smaller share gives no estimate, because at 10 % an error of one pod would become an error of ten pods.

    The rollout sets the minimum of stable's autoscaler to the result, so that later results are not smaller.
    """
    split = observed.split or 0
    return max(plan.replicas, observed.stable.floor, _demand(observed.stable, 100 - split), _demand(observed.canary, split))


def _demand(track: TrackState, share: int) -> int:
    """The estimate of one track; 0 for no estimate.

    With one pod fewer, the track would be too small for ``share`` percent of the traffic. So all of the traffic needs more than
    ``(replicas - 1) * 100 / share`` pods, and the result is the smallest such number.
    """
    if share == 100:
        return track.replicas
    return (track.replicas - 1) * 100 // share + 1 if share >= SMALLEST_SHARE and track.replicas > track.floor else 0


def canary_pods(plan: Plan, observed: Observation, step: int) -> int:
    """Number of pods that the canary needs for a step's share of the traffic."""
    return max(plan.size(step), math.ceil(total_pods(plan, observed) * plan.steps[step] / 100))


def stable_pods(plan: Plan, observed: Observation, step: int) -> int:
    """Number of pods that stable needs before a step increases stable's share of the traffic; 0 if the share does not increase."""
    share = plan.steps[step]
    return math.ceil(total_pods(plan, observed) * (100 - share) / 100) if share < (observed.split or 0) else 0


def too_many(name: str, track: TrackState, need: int) -> str:
    """The reason why a track cannot have ``need`` pods, or an empty string."""
    if need <= track.ceiling:
        return ""
    return f"the load needs {need} pods of {name}, and its autoscaler allows {track.ceiling}: raise autoscaling.maxReplicas"
