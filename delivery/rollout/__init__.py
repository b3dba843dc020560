"""Gradual rollout: moves traffic to a release step by step, measures each step, and rolls back if a gate fails.

``flow.Rollout`` is the command. ``options`` reads its options and the environment's settings, ``plan`` is the resulting plan,
``journal`` stores its progress, and ``analysis`` evaluates the gates. ``machine`` decides the next of the ``actions`` as a pure
function; ``_loop`` performs it on the ``platform``.
"""
