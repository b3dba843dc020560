"""The workload in the cluster: the service on its two tracks, Redis, and their namespace.

The components are in ``application``, ``redis``, ``ingress`` and ``namespace``; ``environment`` collects the service's environment
variables from the settings that have a ``Variable`` (``components/settings/groups/dwcp.py``). Other workloads also use ``pods``
and ``objects`` (common parts of pods and objects), and ``network_policies``.
"""
