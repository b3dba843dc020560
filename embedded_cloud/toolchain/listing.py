"""The catalogue as a table: each program or file with its version, and its path or the usual time of its build."""

from __future__ import annotations

from rich.table import Table

from embedded_cloud.toolchain import Bundle, Toolchain, _progress
from embedded_cloud.toolchain.cache import is_whole


def catalogue(toolchain: Toolchain) -> Table:
    """A table with one row for each program or file of the toolchain."""
    table = Table("name", "version", "state", box=None)
    for bundle in toolchain.bundles:
        packages = {name: tool.module or tool.package for name, tool in bundle.tools.items()} | {
            name: files.module for name, files in bundle.files.items()
        }
        for name, package in packages.items():
            table.add_row(name, bundle.version(package).partition("-")[0], _state(toolchain, bundle, name))
    return table


def _state(toolchain: Toolchain, bundle: Bundle, name: str) -> str:
    """The path of ``name`` on PATH or in the cache, or the usual time of its build."""
    if name in bundle.tools and (path := toolchain.on_path(bundle, name)):
        return f"on PATH: {path}"
    folder = toolchain.cache.entry(bundle)
    if is_whole(folder):
        return str(folder / name)
    return f"not built yet (usually {_progress.duration(bundle.usual_seconds)})"
