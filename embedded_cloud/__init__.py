"""A local cloud for a Pulumi program in Python: moto for AWS, a real Kubernetes control plane, embedded providers.

The package is independent of any project. A project describes itself with :mod:`embedded_cloud.project` and starts its cloud with
:mod:`embedded_cloud.cloud`; README.md in this folder has an example. A project may also import :mod:`embedded_cloud.errors`,
:mod:`embedded_cloud.waiting`, :mod:`embedded_cloud.api_server` (a client for the cluster), :mod:`embedded_cloud.processes`
(``free_ports``) and :mod:`embedded_cloud.providers.plugin` (for its own provider). The other modules are not a stable interface.
This file imports nothing, because each provider and the language host run it when they start, and an import would delay them.
"""
