"""The Dockerfiles without an engine: hadolint checks them, and the commands of each stage run on the fixture app."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sysconfig
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import pytest
from recording import ROOT

FOLDER = ROOT / "docker"
DOCKERFILE = FOLDER / "Dockerfile.dwcp-v3"
APP = ROOT / "tests/fixtures/app"
ALPINE_ONLY = ("apk", "rm", "addgroup", "adduser")
"""Commands that change Alpine in the runtime stage; tests/docker/test_image.py checks their result."""


@dataclass(frozen=True)
class Instruction:
    stage: str
    name: str
    text: str

    @property
    def command(self) -> list[str]:
        """The arguments of an instruction in exec form, which is JSON."""
        words = re.sub(r"^(--\S+\s+)+", "", self.text)
        return json.loads(words.removeprefix("CMD ") if self.name == "HEALTHCHECK" else words)


def instructions() -> list[Instruction]:
    """The instructions of the Dockerfile with their stage; continuation lines are joined."""
    found: list[Instruction] = []
    stage = ""
    lines = "\n".join(line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#"))
    for line in re.sub(r"\\\n\s*", "", lines).splitlines():
        name, _, text = line.partition(" ")
        if name == "FROM":
            stage = text.rpartition(" AS ")[2]
        if line:
            found.append(Instruction(stage, name, text))
    return found


@pytest.mark.parametrize("file", [DOCKERFILE, FOLDER / "Dockerfile.grafana"], ids=lambda file: file.name)
def test_hadolint_reports_nothing(file: Path) -> None:
    hadolint = Path(sysconfig.get_path("scripts")) / "hadolint"
    command = [hadolint, "--config", FOLDER / "hadolint.yaml", file]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_stages_are_those_of_the_guide() -> None:
    stages = [each.stage for each in instructions() if each.name == "FROM"]
    assert [each for each in stages if not each.startswith("npm-")] == ["dependencies", "builder", "runtime"]


def test_every_command_is_in_exec_form() -> None:
    for each in instructions():
        if each.name in ("RUN", "CMD", "ENTRYPOINT", "HEALTHCHECK"):
            assert each.command, each


def test_all_stages_have_the_same_base_image_argument() -> None:
    bases = {each.stage: each.text.split()[-3] for each in instructions() if each.name == "FROM"}
    assert bases.pop("dependencies") == "npm-${TARGETARCH}"
    assert set(bases.values()) == {"${NODE_IMAGE}"}
    (default,) = [each.text for each in instructions() if each.text.startswith("NODE_IMAGE=")]
    assert re.fullmatch(r"NODE_IMAGE=node:\d+\.\d+\.\d+-alpine\d+\.\d+", default)


def test_npm_runs_on_the_build_platform_and_installs_for_the_platform_of_the_image() -> None:
    """The pipeline builds for two platforms: in an emulator, npm is slow and can crash."""
    froms = {each.stage: each.text for each in instructions() if each.name == "FROM"}
    native = {stage for stage, text in froms.items() if "--platform=${BUILDPLATFORM}" in text}
    assert native == {"npm-amd64", "npm-arm64", "builder"}
    cpus = {each.stage: each.text for each in instructions() if each.name == "ENV" and each.stage.startswith("npm-")}
    assert cpus == {"npm-amd64": "NPM_CONFIG_CPU=x64", "npm-arm64": "NPM_CONFIG_CPU=arm64"}


@pytest.mark.skipif(shutil.which("npm") is None, reason="needs Node and npm")
@pytest.mark.parametrize("cpu", ["x64", "arm64"])
def test_npm_ci_selects_packages_by_the_variable_of_the_dockerfile(tmp_path: Path, cpu: str) -> None:
    (tmp_path / "package.json").write_text('{"name": "x", "version": "1.0.0", "optionalDependencies": {"a": "file:a"}}')
    (tmp_path / "a").mkdir()
    (tmp_path / "a/package.json").write_text('{"name": "a", "version": "1.0.0", "cpu": ["arm64"]}')
    environment = {**os.environ, "NPM_CONFIG_CPU": cpu}
    for command in (["npm", "install", "--package-lock-only"], ["npm", "ci", "--omit=dev", "--ignore-scripts"]):
        subprocess.run([*command, "--no-audit", "--no-fund"], cwd=tmp_path, env=environment, capture_output=True, check=True)
    assert (tmp_path / "node_modules/a").exists() == (cpu == "arm64")


@pytest.mark.parametrize("file", [DOCKERFILE, FOLDER / "Dockerfile.grafana"], ids=lambda file: file.name)
def test_the_image_has_the_security_updates_of_alpine(file: Path) -> None:
    """A base image that is not rebuilt keeps known vulnerabilities, for which the scan refuses the release."""
    last = file.read_text().rpartition("\nFROM ")[2]
    assert 'RUN ["apk", "upgrade", "--no-cache"]' in last.splitlines()


def test_the_image_runs_as_1001_with_dumb_init_and_a_health_check() -> None:
    runtime = {each.name: each for each in instructions() if each.stage == "runtime"}
    assert runtime["USER"].text == "1001:1001"
    assert runtime["ENTRYPOINT"].command == ["/usr/bin/dumb-init", "--"]
    assert "/health" in runtime["HEALTHCHECK"].command[-1]
    assert runtime["STOPSIGNAL"].text == "SIGTERM"


def test_the_dockerignore_excludes_files_that_can_contain_secrets() -> None:
    patterns = Path(f"{DOCKERFILE}.dockerignore").read_text().splitlines()
    for name in (".env", ".env.production", ".npmrc", "server.key", "server.pem", ".git", "node_modules"):
        assert any(fnmatch(name, pattern) for pattern in patterns if not pattern.startswith("#")), name
    for name in ("package.json", "package-lock.json", "tsconfig.json", "tsconfig.build.json", "src", "scripts"):
        assert not any(fnmatch(name, pattern) for pattern in patterns if not pattern.startswith("#")), name


@pytest.mark.pipelines  # needs the registry of npm
@pytest.mark.skipif(shutil.which("npm") is None, reason="needs Node and npm")
def test_the_commands_of_each_stage_build_the_app(tmp_path: Path) -> None:
    """Run the commands of the Dockerfile on this machine, in one folder per stage."""
    folders: dict[str, Path] = {}
    for each in instructions():
        folder = folders.setdefault(each.stage, tmp_path / (each.stage or "none"))
        folder.mkdir(exist_ok=True)
        if each.name == "COPY":
            _copy(each.text, folders, folder)
        elif each.name == "RUN" and each.command[0] not in ALPINE_ONLY:
            done = subprocess.run(each.command, cwd=folder, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{shlex.join(each.command)}: {done.stdout}{done.stderr}"
    runtime = folders["runtime"]
    assert {each.name for each in runtime.iterdir()} == {"dist", "node_modules", "package.json"}
    assert not (runtime / "node_modules/typescript").exists()
    start = next(each.command for each in instructions() if each.name == "CMD")
    done = subprocess.run(
        start, cwd=runtime, env={"PATH": _node_folder(), "PORT": "x"}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (1, "error: PORT=x is not a whole number from 0 to 65535\n")


def _node_folder() -> str:
    node = shutil.which("node")
    assert node is not None
    return str(Path(node).parent)


def _copy(text: str, folders: dict[str, Path], target: Path) -> None:
    *sources, _ = [word for word in text.split() if not word.startswith("--")]
    stage = re.search(r"--from=(\w+)", text)
    for source in sources:
        whole = source == "."
        origin = folders[stage[1]] / source.removeprefix("/app/") if stage else APP / source
        for path in sorted(origin.iterdir()) if whole else [origin]:
            if whole and path.name in ("node_modules", "dist", "build", "coverage", "test", "bench"):
                continue
            if path.is_dir():
                shutil.copytree(path, target / path.name, symlinks=True, dirs_exist_ok=True)
            else:
                shutil.copy(path, target / path.name)
