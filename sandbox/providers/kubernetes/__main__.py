"""Started by the engine as ``pulumi-resource-kubernetes``."""

from importlib.metadata import version

from sandbox.providers.kubernetes.provider import KubernetesPlugin
from sandbox.providers.plugin import serve

serve(KubernetesPlugin(), version("pulumi-kubernetes"))
