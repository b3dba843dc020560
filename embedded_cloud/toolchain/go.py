"""Runs the Go command of this virtualenv in the Go module of a :class:`Bundle`. A failure becomes an error with a fix."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sysconfig
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from embedded_cloud.errors import EmbeddedCloudError
from embedded_cloud.toolchain._progress import duration
from embedded_cloud.toolchain.catalogue import GO_ENVIRONMENT, Bundle

NETWORK_ERROR = re.compile(r"dial tcp|no such host|connection re(?:fused|set)|timeout|TLS|x509|EOF$|unreachable|: [45]\d\d ")
FREE_SPACE = (
    "free some disk space (a build of all programs needs 8 GB in Go's caches, GOCACHE and GOMODCACHE, and in TMPDIR), "
    "then run the command again"
)


@dataclass(frozen=True, kw_only=True)
class Go:
    """The Go command. Its output goes to ``log``. ``install`` is the message that states how to install Go."""

    log: Path
    install: str

    def command(self, bundle: Bundle) -> Path:
        """The ``go`` of this virtualenv, so that all builds use one version.

        Raises ``EmbeddedCloudError`` if Go is missing, does not work, or is too old for go.mod.
        """
        go = Path(sysconfig.get_path("scripts")) / "go"
        wanted = re.findall(r"^go (\d+)\.(\d+)", bundle.go_mod, re.MULTILINE)[0]
        if not go.exists():
            raise EmbeddedCloudError(f"Go {'.'.join(wanted)} is missing: there is no {go}", self.install)
        answer = subprocess.run([go, "version"], capture_output=True, text=True, env=os.environ | GO_ENVIRONMENT, check=False)
        found = re.search(r"go((\d+)\.(\d+)\S*)", answer.stdout)
        if found is None:
            raise EmbeddedCloudError(f"{go} does not work: {(answer.stderr or answer.stdout).strip()}", self.install)
        if tuple(map(int, found.group(2, 3))) < tuple(map(int, wanted)):
            raise EmbeddedCloudError(f"{go} is Go {found[1]}, but {bundle.name} needs Go {'.'.join(wanted)} or newer", self.install)
        return go

    def build(self, bundle: Bundle, target: Path, show: Callable[[str], None]) -> None:
        """Compile the bundle's tools into the folder ``target``, under the names in the catalogue."""
        packages = {tool.package: name for name, tool in bundle.tools.items()}
        tags = ("-tags", ",".join(bundle.tags))
        lines: list[str] = []

        def follow_listing(line: str) -> None:
            lines.append(line)
            if line.startswith("go: downloading "):
                show(f"downloading {line.split()[2]}")

        self.run(bundle, ["list", "-deps", *tags, *packages], follow_listing)
        wanted, compiled, started = sum(map(is_package, lines)), 0, time.monotonic()

        def follow(line: str) -> None:
            nonlocal compiled
            if is_package(line):
                compiled += 1
                left = (time.monotonic() - started) / compiled * (wanted - compiled)
                show(f"{compiled} of {wanted} packages compiled, about {duration(left)} left")

        self.run(bundle, ["build", "-v", "-ldflags", bundle.ldflags, *tags, "-o", f"{target}/", *packages], follow)
        for package, name in packages.items():
            (target / binary_name(package)).rename(target / name)

    def module_folder(self, bundle: Bundle, module: str) -> Path:
        """The folder of the sources of ``module`` in Go's cache; missing sources are downloaded and checked against go.sum."""
        self.run(bundle, ["mod", "download", module], lambda _: None)
        lines: list[str] = []
        self.run(bundle, ["mod", "download", "-json", module], lines.append)
        return Path(json.loads("\n".join(lines))["Dir"])

    def run(self, bundle: Bundle, arguments: list[str], follow: Callable[[str], None]) -> None:
        """Run Go in the bundle's module; each line of its output goes to ``follow`` and to the log."""
        lines: list[str] = []
        with (
            self.log.open("w") as log,
            subprocess.Popen(
                [self.command(bundle), *arguments],
                cwd=bundle.folder,
                env=os.environ | GO_ENVIRONMENT,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            ) as process,
        ):
            assert process.stdout is not None
            try:
                for line in process.stdout:
                    log.write(line)
                    lines.append(line.rstrip())
                    follow(lines[-1])
            except BaseException:
                process.kill()
                raise
        if process.returncode != 0:
            raise self.failure(bundle, lines)

    def failure(self, bundle: Bundle, lines: list[str]) -> EmbeddedCloudError:
        """The error for a Go command that printed ``lines``."""
        messages = [line for line in lines if line.strip() and not is_package(line) and not line.startswith("go: downloading ")]
        no_space = next((line for line in messages if "no space left" in line), None)
        if no_space:
            return EmbeddedCloudError(f"the disk is full during the build of {bundle.name}: {no_space}", FREE_SPACE)
        reason = messages[-1].strip() if messages else "Go printed nothing"
        if NETWORK_ERROR.search(reason):
            return EmbeddedCloudError(
                f"cannot download the sources of {bundle.name}: {reason}",
                "check the network and GOPROXY, then run the command again: finished downloads and packages are kept",
            )
        return EmbeddedCloudError(f"the Go command for {bundle.name} failed: {reason}", f"read the whole output in {self.log}")


def binary_name(package: str) -> str:
    """The name that Go gives to a package's program: the last element of the package's path that is not a major version."""
    *_, parent, last = package.split("/")
    return parent if re.fullmatch(r"v\d+", last) else last


def is_package(line: str) -> bool:
    """Whether a line of ``go list`` or ``go build -v`` is the name of a package."""
    return re.fullmatch(r"[\w.~/-]+", line) is not None
