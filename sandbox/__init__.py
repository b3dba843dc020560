"""DWCP v3's additions to the embedded cloud: simulated load, pods that fail on demand, monitoring, a summary.

``python -m sandbox`` is behind ``make up`` and its relatives. Tests and benchmarks import ``project`` (the cloud's description),
``monitoring``, ``failing_pods``, ``real_pods``, ``stacks`` (real environments on this cloud), ``images`` and ``simulator``;
``errors`` has the exception root.
"""
