"""``python -m embedded_cloud.toolchain [NAME ...]``: build what is named, or everything, and print where it lies."""

from __future__ import annotations

import argparse
import sys

from rich.console import Console
from rich.table import Table

from embedded_cloud.errors import SandboxError
from embedded_cloud.toolchain import cache, ensure, on_path, progress
from embedded_cloud.toolchain.catalogue import BUNDLES, Bundle


def main() -> None:
    """Read the command line and run it."""
    parser = argparse.ArgumentParser(prog="python -m embedded_cloud.toolchain", description="Build the sandbox's programs.")
    parser.add_argument("names", metavar="NAME", nargs="*", help="a program or file of the catalogue; all of them without a name")
    parser.add_argument("--list", action="store_true", help="show the catalogue and what is built")
    arguments = parser.parse_args()
    if arguments.list:
        Console().print(catalogue())
        return
    try:
        for path in ensure(*(arguments.names or [name for bundle in BUNDLES for name in bundle.names])).values():
            print(path)
    except SandboxError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("interrupted; what was downloaded and compiled so far is kept")


def catalogue() -> Table:
    """The catalogue as a table: what there is, its version, where it lies or how long it takes to make."""
    table = Table("name", "version", "state", box=None)
    for bundle in BUNDLES:
        packages = {name: tool.package for name, tool in bundle.tools.items()} | {
            name: files.module for name, files in bundle.files.items()
        }
        for name, package in packages.items():
            table.add_row(name, bundle.version(package), state(bundle, name))
    return table


def state(bundle: Bundle, name: str) -> str:
    """Where ``name`` would be taken from."""
    if name in bundle.tools and (path := on_path(bundle, name)):
        return f"on PATH: {path}"
    folder = cache.entry(bundle)
    if cache.is_whole(folder):
        return str(folder / name)
    return f"not built yet (usually {progress.duration(bundle.usual_seconds)})"


main()
