"""The workload in the cluster: the service on its two tracks, Redis, and their namespace.

The components are in ``application``, ``redis``, ``ingress`` and ``namespace``; ``environment`` has the service's environment
variables. For other workloads: ``pods`` and ``objects`` (the parts of pods and objects), and ``network_policies``.
"""
