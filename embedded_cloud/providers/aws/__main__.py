"""The entry point of the provider, which the engine starts as ``pulumi-resource-aws``."""

from importlib.metadata import version

from embedded_cloud.protocol import without_sdk


def main() -> None:
    """Serve the provider until the engine ends this process."""
    without_sdk()
    from embedded_cloud.providers.aws.provider import AwsPlugin
    from embedded_cloud.providers.plugin import serve

    serve(AwsPlugin(), version("pulumi-aws"))


if __name__ == "__main__":
    main()
