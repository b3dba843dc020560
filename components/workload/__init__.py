"""The workload in the cluster: the service on its two tracks, Redis, and their namespace.

The components are in ``application``, ``redis``, ``ingress`` and ``namespace``. Images, the service's resources and Redis' memory
are settings (``components/settings/groups/``, for example ``redis.py``). ``environment`` collects the service's environment
variables from the settings that have a ``Variable`` (``components/settings/groups/dwcp.py``). The monitoring also uses
``workloads`` (a Deployment with its Service and volume), ``pods`` and ``objects`` (common parts of pods and objects), and
``network_policies``.
"""
