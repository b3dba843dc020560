"""``python -m program CHECKOUT STACK... [--preview]`` writes what another checkout's program declares, for :func:`evaluate`."""

import sys

from program.short_lived import without_collector


def main() -> None:
    """Evaluate what the command line names."""
    without_collector()
    from program import _answers  # after the collector is off, because its imports are most of the work

    _answers.write(sys.argv[1:])


if __name__ == "__main__":
    main()
