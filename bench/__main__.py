"""Runs the benchmark modules that the command line names, or all modules, and prints their figures (``python -m bench``)."""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from bench import Options

MODULES = sorted(module.name for module in iter_modules([str(Path(__file__).parent)]) if not module.name.startswith("_"))


def main() -> None:
    """Run the benchmarks. Progress goes to standard error, and the table goes to standard output."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Run the project's benchmarks.")
    parser.add_argument("modules", metavar="MODULE", nargs="*", help=f"{', '.join(MODULES)}; all if none is named")
    parser.add_argument("--runs", type=int, default=3, help="do this many runs; print the median (requests_lost: the sum)")
    parser.add_argument("--cold", action="store_true", help="also measure cold builds, which take half an hour")
    arguments = parser.parse_args()
    if unknown := set(arguments.modules) - set(MODULES):
        parser.error(f"no module {', '.join(sorted(unknown))}; choose from {', '.join(MODULES)}")
    if arguments.runs < 1:
        parser.error(f"--runs {arguments.runs} is not at least 1")
    options = Options(runs=arguments.runs, cold=arguments.cold)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; median of {options.runs} runs unless noted\n", flush=True)
    print("| figure | measured | target | how |\n|---|---|---|---|", flush=True)
    for name in arguments.modules or MODULES:
        print(f"measuring {name}", file=sys.stderr, flush=True)
        for figure in import_module(f"bench.{name}").figures(options):
            print(figure.row, flush=True)


main()
