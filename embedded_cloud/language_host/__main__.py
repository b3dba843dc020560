"""The entry point of the language host, which the engine starts as ``pulumi-language-python``."""

from embedded_cloud.protocol import without_sdk


def main() -> None:
    """Serve until the engine ends this process."""
    without_sdk()
    from embedded_cloud.language_host.host import serve

    serve()


if __name__ == "__main__":
    main()
