"""A local cloud for a Pulumi program in Python: moto for AWS, a real Kubernetes control plane, embedded providers.

It is independent of any project: :mod:`embedded_cloud.project` describes one, :mod:`embedded_cloud.cloud` starts it, and README.md
in this folder shows both in one example. A project may also import :mod:`embedded_cloud.errors`, :mod:`embedded_cloud.waiting`,
:mod:`embedded_cloud.api_server` (a client for the cluster), :mod:`embedded_cloud.processes` (``free_ports``) and
:mod:`embedded_cloud.providers.plugin` (for its own provider); the rest is private. Nothing is imported here, because
every process of the engine starts with this file.
"""
