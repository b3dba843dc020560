"""Started by the engine as ``pulumi-resource-aws``."""

from importlib.metadata import version

from sandbox.protocol import without_sdk


def main() -> None:
    """Serve the provider until the engine ends this process."""
    without_sdk()
    from sandbox.providers.aws.provider import AwsPlugin
    from sandbox.providers.plugin import serve

    serve(AwsPlugin(), version("pulumi-aws"))


if __name__ == "__main__":
    main()
