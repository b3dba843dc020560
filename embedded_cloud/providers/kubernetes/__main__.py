"""Started by the engine as ``pulumi-resource-kubernetes``."""

from importlib.metadata import version

from embedded_cloud.protocol import without_sdk


def main() -> None:
    """Serve the provider until the engine ends this process."""
    without_sdk()
    from embedded_cloud.providers.kubernetes.provider import KubernetesPlugin
    from embedded_cloud.providers.plugin import serve

    serve(KubernetesPlugin(), version("pulumi-kubernetes"))


if __name__ == "__main__":
    main()
