"""Started by the engine as ``pulumi-language-python``."""

from sandbox.protocol import without_sdk


def main() -> None:
    """Serve until the engine ends this process."""
    without_sdk()
    from sandbox.language_host.host import serve

    serve()


if __name__ == "__main__":
    main()
