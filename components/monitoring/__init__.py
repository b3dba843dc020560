"""Monitoring from one definition: ``objectives`` is its source, and the pure modules beside it import no cloud SDK.

The component itself is in ``components.monitoring.monitoring``: importing the objectives must stay a matter of milliseconds.
"""
