"""``python -m program CHECKOUT STACK... [OPTIONS]`` evaluates the program of a checkout.

The command writes the graph of resources that the checkout's program declares for each stack, with example outputs (``--known``),
with unknown outputs (``--preview``), or both. :mod:`program.evaluation_process` starts this command.
"""

import sys

from program.short_lived import without_collector


def main() -> None:
    """Evaluate the checkout and the stacks that the command line names."""
    without_collector()
    from program import _evaluation_main  # these imports take most of the process's time, and are faster without the collector

    _evaluation_main.write(sys.argv[1:])


if __name__ == "__main__":
    main()
