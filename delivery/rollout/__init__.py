"""Gradual rollout: moves traffic to a release step by step, measures each step, and rolls back if a gate fails.

``flow.Rollout`` is the command, ``options`` its options and the environment's settings, ``journal`` its record, and ``analysis``
the results of the gates. ``machine``, a pure function, decides the next action; ``_loop`` performs it.
"""
