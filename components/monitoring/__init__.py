"""Monitoring from one definition, ``objectives``. The modules that derive files from it import no cloud SDK.

The component is in ``components.monitoring.monitoring``, so that importing the objectives takes only milliseconds.
"""
