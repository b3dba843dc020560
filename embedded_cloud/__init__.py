"""A local cloud for a Pulumi program in Python: moto for AWS, a real Kubernetes control plane, embedded providers.

It knows no project: :mod:`embedded_cloud.project` says what it must be told, :mod:`embedded_cloud.cloud` starts it, and README.md
beside this file shows both in one example. A project may also import :mod:`embedded_cloud.errors`, :mod:`embedded_cloud.waiting`,
:mod:`embedded_cloud.api_server` (a client for the cluster), :mod:`embedded_cloud.processes` (``free_ports``) and
:mod:`embedded_cloud.providers.plugin` (for a provider of its own); the rest is private. Nothing is imported here, because
every process of the engine's starts with this file.
"""
