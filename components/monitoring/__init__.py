"""The monitoring, which is generated from one definition: ``objectives``.

The modules that generate files from it import no cloud SDK. The component is in ``components.monitoring.monitoring``, so that the
import of the objectives takes only milliseconds.
"""
