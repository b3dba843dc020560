"""The number of pods that a track needs before it gets traffic: for the load now, not for the load when the rollout started."""

from __future__ import annotations

import math

from delivery.rollout.actions import Observation, TrackState
from delivery.rollout.plan import Plan

MAJORITY = 50
"""Minimum share of the traffic, in percent, for which the number of a track's pods is used to estimate the total load."""


def carrying(plan: Plan, observed: Observation) -> int:
    """Pods that all of the traffic needs: as many as when the rollout began, or more if an autoscaler has added some since.

    A track at its autoscaler's minimum shows nothing about the load; above it, one pod fewer is too few for its share. Only a track
    with at least half of the traffic is used: at 10 %, one pod more would count as ten. The rollout raises the minimum of stable's
    autoscaler to the demand that it found, so this minimum is the demand from then on.
    """
    split = observed.split or 0
    return max(plan.replicas, observed.stable.floor, _demand(observed.stable, 100 - split), _demand(observed.canary, split))


def _demand(track: TrackState, share: int) -> int:
    if share == 100:
        return track.replicas
    return (track.replicas - 1) * 100 // share + 1 if share >= MAJORITY and track.replicas > track.floor else 0


def for_step(plan: Plan, observed: Observation, step: int) -> int:
    """Pods that the canary needs for a step's share of the traffic."""
    return max(plan.size(step), math.ceil(carrying(plan, observed) * plan.steps[step] / 100))


def for_the_rest(plan: Plan, observed: Observation, step: int) -> int:
    """Pods that stable needs before a step gives it a larger share of the traffic than it has; 0 if the step does not."""
    share = plan.steps[step]
    return math.ceil(carrying(plan, observed) * (100 - share) / 100) if share < (observed.split or 0) else 0


def beyond(name: str, track: TrackState, need: int) -> str:
    """Why a track cannot have ``need`` pods, or an empty text."""
    if need <= track.ceiling:
        return ""
    return f"the load needs {need} pods of {name}, and its autoscaler allows {track.ceiling}: raise autoscaling.maxReplicas"
