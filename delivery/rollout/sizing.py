"""How many pods a track needs before traffic goes to it: for the load of now, not of the time when the rollout began."""

from __future__ import annotations

import math

from delivery.rollout.actions import Observation, TrackState
from delivery.rollout.plan import Plan

MAJORITY = 50
"""Percent of the traffic from which on a track's size says what all of it needs."""


def carrying(plan: Plan, seen: Observation) -> int:
    """Pods that all of the traffic needs: as many as when the rollout began, or more where an autoscaler has added some since.

    A track with a part of the traffic says nothing of the load while it is at its floor; above it, one pod fewer is too few for its
    part. Only one with half of the traffic or more is asked: at 10 % one pod more would stand for ten. The rollout raises stable's
    floor to what it has once found, so the floor stands for it from then on.
    """
    split = seen.split or 0
    return max(plan.replicas, seen.stable.floor, _demand(seen.stable, 100 - split), _demand(seen.canary, split))


def _demand(track: TrackState, share: int) -> int:
    if share == 100:
        return track.replicas
    return (track.replicas - 1) * 100 // share + 1 if share >= MAJORITY and track.replicas > track.floor else 0


def for_step(plan: Plan, seen: Observation, step: int) -> int:
    """Pods that the canary needs for a step's part of the traffic."""
    return max(plan.size(step), math.ceil(carrying(plan, seen) * plan.steps[step] / 100))


def beyond(name: str, track: TrackState, need: int) -> str:
    """Why ``need`` pods of a track cannot be had, or nothing."""
    if need <= track.ceiling:
        return ""
    return f"the load needs {need} pods of {name}, and its autoscaler allows {track.ceiling}: raise autoscaling.maxReplicas"
