"""Gradual rollout: moves traffic to a release step by step, measures each step, and rolls back if a gate fails.

The two tracks are parallel Deployments: the canary gets the new image and a growing share of the traffic, and stable the rest. With
the strategy ``flag``, only the percentage of the feature flag grows, and no track gets another image.
The steps, waits and thresholds are settings: ``components/settings/groups/rollout.py``. ``flow.Rollout`` is the command.
``options`` reads the command's options and the environment's settings, from which ``_start`` makes a ``plan``. ``journal`` stores
plan and progress, and ``analysis`` evaluates the gates, the objectives that a release must meet. ``machine`` is a pure function
that chooses the next action (``actions``). ``_loop`` performs the action on the ``platform``.
"""
