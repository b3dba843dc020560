"""The sandbox's programs, built once from pinned Go modules and shared by all checkouts of this user."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from embedded_cloud.errors import SandboxError
from embedded_cloud.toolchain import cache, go, progress
from embedded_cloud.toolchain.catalogue import BUNDLES, Bundle

__all__ = ["ensure"]


def ensure(*names: str) -> dict[str, Path]:
    """Return where each program or file asked for lies, and build what is missing.

    A program on PATH with the pinned major and minor version is used as it is. Raises :class:`SandboxError` when a name
    is unknown, Go is missing or too old, the registry cannot be reached, the disk is full or a build fails.
    """
    unknown = set(names) - {name for bundle in BUNDLES for name in bundle.names}
    if unknown:
        known = ", ".join(name for bundle in BUNDLES for name in bundle.names)
        raise SandboxError(f"the toolchain has no {', '.join(sorted(unknown))}", f"choose from {known}")
    paths: dict[str, Path] = {}
    for bundle in BUNDLES:
        wanted = [name for name in bundle.names if name in names]
        found = {name: path for name in wanted if name in bundle.tools and (path := on_path(bundle, name))}
        paths |= found
        if missing := [name for name in wanted if name not in found]:
            folder = made(bundle)
            paths |= {name: folder / name for name in missing}
    return {name: paths[name] for name in names}


def on_path(bundle: Bundle, name: str) -> Path | None:
    """The program on PATH if it is of the pinned major and minor version and not from the cache itself."""
    found = shutil.which(name)
    if found is None or _is_ours(bundle, Path(found)):
        return None
    tool = bundle.tools[name]
    try:
        answer = subprocess.run(
            [found, tool.ask_version],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
            env=os.environ | {"PULUMI_SKIP_UPDATE_CHECK": "true"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = re.search(r"\d+\.\d+(?=\.\d)", answer.stdout + answer.stderr)
    fits = version is not None and bundle.version(tool.package).startswith(f"{version[0]}.")
    return Path(found) if fits else None


def _is_ours(bundle: Bundle, found: Path) -> bool:
    """Whether it is the cache's own, by a link of any kind: a shell that sourced ``.sandbox/env`` has those on its PATH."""
    own = cache.entry(bundle) / found.name
    return found.resolve().is_relative_to(cache.root().resolve()) or (own.exists() and own.samefile(found))


def made(bundle: Bundle) -> Path:
    """The bundle's folder in the cache, made first when it is missing or damaged."""
    folder = cache.entry(bundle)
    if cache.is_whole(folder):
        cache.use(folder)
        return folder
    try:
        cache.root().mkdir(parents=True, exist_ok=True)
        with cache.lock(bundle):
            if not cache.is_whole(folder):
                make(bundle)
                cache.prune(bundle)
    except OSError as error:
        raise SandboxError(
            f"cannot write the toolchain's cache {cache.root()}: {error.strerror or error}",
            f"{go.FREE_SPACE}; or set DWCP_TOOLCHAIN to a folder that can be written",
        ) from error
    return folder


def make(bundle: Bundle) -> None:
    """Build or copy everything that ``bundle`` offers."""
    verb = "building" if bundle.tools else "copying"
    with cache.being_made(bundle) as target, progress.step(f"{verb} {', '.join(bundle.names)}", bundle.usual_seconds) as show:
        if bundle.tools:
            go.build(bundle, target, show)
        for name, files in bundle.files.items():
            copy(go.module_folder(bundle, files.module) / files.path, target / name)


def copy(source: Path, target: Path) -> None:
    """Copy a file or folder out of Go's cache, where all is read-only; a script stays executable."""
    if source.is_dir():
        shutil.copytree(source, target, copy_function=shutil.copyfile)
        for folder in (target, *filter(Path.is_dir, target.rglob("*"))):
            folder.chmod(0o755)
    else:
        shutil.copyfile(source, target)
        target.chmod(0o755)
