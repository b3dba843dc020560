"""Gradual rollout: traffic to a release step by step, each step measured, and back by itself.

``flow.Rollout`` is the command, ``request`` its options over the environment's settings, ``journal`` what it has written down, and
``analysis`` what the gates say of a track. What to do next is decided by ``machine``, a pure function; ``loop`` does it.
"""
