"""The policy pack that the engine runs: ``pulumi up --policy-pack policies``."""

from program.short_lived import without_collector


def main() -> None:
    """Serve the pack until the engine ends it."""
    without_collector()
    from policies.pack import serve  # a slow import, which is faster without the garbage collector

    serve()


if __name__ == "__main__":
    main()
