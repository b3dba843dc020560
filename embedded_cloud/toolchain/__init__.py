"""The programs of an embedded cloud, built once from pinned Go modules and shared by all checkouts of this user.

The ``go.mod`` files in this folder's subfolders pin the versions; ``catalogue`` explains how to change a version.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from embedded_cloud.errors import EmbeddedCloudError
from embedded_cloud.instructions import Instructions
from embedded_cloud.toolchain import _progress
from embedded_cloud.toolchain.cache import Cache, is_whole, use
from embedded_cloud.toolchain.catalogue import BUNDLES, Bundle
from embedded_cloud.toolchain.go import FREE_SPACE, Go

__all__ = ["BUNDLES", "Bundle", "Cache", "Toolchain"]


@dataclass(frozen=True, kw_only=True)
class Toolchain:
    """The programs and files of ``bundles``, in ``cache``."""

    cache: Cache
    instructions: Instructions
    bundles: tuple[Bundle, ...] = BUNDLES

    def ensure(self, *names: str) -> dict[str, Path]:
        """Return the path of each requested program or file. Missing programs and files are built.

        A program on PATH with the pinned major and minor version is used instead of the program in the cache, except for programs
        without ``ask_version`` in the catalogue.
        Raises :class:`EmbeddedCloudError` if a name is unknown or a build fails. The error names the cause.
        """
        unknown = set(names) - {name for bundle in self.bundles for name in bundle.names}
        if unknown:
            known = ", ".join(name for bundle in self.bundles for name in bundle.names)
            raise EmbeddedCloudError(f"the toolchain has no {', '.join(sorted(unknown))}", f"choose from {known}")
        paths: dict[str, Path] = {}
        for bundle in self.bundles:
            wanted = [name for name in bundle.names if name in names]
            found = {name: path for name in wanted if name in bundle.tools and (path := self.on_path(bundle, name))}
            paths |= found
            if missing := [name for name in wanted if name not in found]:
                folder = self.made(bundle)
                paths |= {name: folder / name for name in missing}
        return {name: paths[name] for name in names}

    def has(self, name: str) -> bool:
        """Whether a program or file exists; nothing is built."""
        return any(
            is_whole(self.cache.entry(bundle)) or (name in bundle.tools and self.on_path(bundle, name) is not None)
            for bundle in self.bundles
            if name in bundle.names
        )

    def on_path(self, bundle: Bundle, name: str) -> Path | None:
        """The program ``name`` on PATH, if it has the pinned major and minor version and is not from the cache; otherwise None."""
        tool = bundle.tools[name]
        found = shutil.which(name) if tool.ask_version else None
        if found is None or tool.ask_version is None or self._is_ours(bundle, Path(found)):
            return None
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

    def _is_ours(self, bundle: Bundle, found: Path) -> bool:
        """Whether ``found`` is a program of the cache or a link to it.

        A shell that has sourced ``env`` has such links on its PATH.
        """
        own = self.cache.entry(bundle) / found.name
        return found.resolve().is_relative_to(self.cache.folder.resolve()) or (own.exists() and own.samefile(found))

    def made(self, bundle: Bundle) -> Path:
        """The bundle's folder in the cache. A missing or damaged folder is built first."""
        folder = self.cache.entry(bundle)
        if is_whole(folder):
            use(folder)
            return folder
        try:
            self.cache.folder.mkdir(parents=True, exist_ok=True)
            with self.cache.lock(bundle):
                if not is_whole(folder):
                    self.make(bundle)
                    self.cache.prune(bundle)
        except OSError as error:
            raise EmbeddedCloudError(
                f"cannot write the toolchain's cache {self.cache.folder}: {error.strerror or error}",
                f"{FREE_SPACE}; or set {self.cache.variable} to a folder that can be written",
            ) from error
        return folder

    def make(self, bundle: Bundle) -> None:
        """Build or copy all programs and files of ``bundle`` into the cache."""
        verb = "building" if bundle.tools else "copying"
        with (
            self.cache.being_made(bundle) as target,
            _progress.step(f"{verb} {', '.join(bundle.names)}", bundle.usual_seconds) as show,
        ):
            if bundle.tools:
                self.go(bundle).build(bundle, target, show)
            for name, files in bundle.files.items():
                copy(self.go(bundle).module_folder(bundle, files.module) / files.path, target / name)

    def go(self, bundle: Bundle) -> Go:
        """The Go command that builds ``bundle``."""
        return Go(log=self.cache.log(bundle), install=f"{self.instructions.setup}, which installs Go for the build")


def copy(source: Path, target: Path) -> None:
    """Copy a file or folder from Go's cache, which is read-only, and make the copy writable. A single file becomes executable."""
    if source.is_dir():
        shutil.copytree(source, target, copy_function=shutil.copyfile)
        for folder in (target, *filter(Path.is_dir, target.rglob("*"))):
            folder.chmod(0o755)
    else:
        shutil.copyfile(source, target)
        target.chmod(0o755)
