"""Gradual rollout: what to do next is pure (:mod:`.machine`); what is, and what is done about it, is :mod:`.runner`'s."""
