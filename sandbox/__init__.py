"""DWCP v3's additions to the embedded cloud: simulated load, pods that fail on demand, monitoring, a summary.

``make up`` and the other targets for the sandbox call ``python -m sandbox``. Tests and benchmarks import ``project`` (the cloud's
description), ``monitoring``, ``failing_pods``, ``real_pods``, ``stacks`` (staging and production on this cloud), ``images`` and
``simulator``. ``errors`` contains the base class of the exceptions.
"""
