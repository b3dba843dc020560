"""The commands of the jobs, run by ``dwcp ci`` on the fixture service, except those that need GitHub or a cloud."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from checkouts import PINS, use_environment
from fixture_service import running
from recording import ROOT

from delivery.github.workflow import find

pytestmark = pytest.mark.pipelines

APP = "tests/fixtures/app"
INSTALLED = shutil.which("node")
VERSION = subprocess.run([INSTALLED, "--version"], capture_output=True, text=True, check=False).stdout if INSTALLED else ""
NODE = VERSION.removeprefix("v").split(".")[0]


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of this repository that the service's jobs use, in a folder where they may build and install."""
    root = tmp_path_factory.mktemp("checkout")
    ignored = shutil.ignore_patterns("node_modules", "dist", "build", "coverage", "test-results", "bench-results", "__pycache__")
    for name in (".github", APP, "delivery", "docker"):
        shutil.copytree(ROOT / name, root / name, ignore=ignored)
    for name in ("dwcp", "Makefile", *PINS):
        shutil.copy(ROOT / name, root / name)
    use_environment(root)
    return root


def dwcp(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "delivery", "ci", *arguments, "--root", str(checkout)]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GITHUB_")}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def output_after_success(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def audited(done: subprocess.CompletedProcess[str], audit: str) -> str:
    """The output of a job that ends with ``npm audit``; skipped if only the audit fails because the registry has no audits."""
    if "audit endpoint returned an error" in done.stderr:
        assert f"error: these steps failed: {audit}\n" in done.stderr, done.stdout[-3000:] + done.stderr[-3000:]
        pytest.skip("every step passed except the audit, which the registry of this machine does not support")
    return output_after_success(done)


def test_the_quality_job_runs_eslint_and_the_audit(checkout: Path) -> None:
    output = audited(dwcp(checkout, "quality"), "Vulnerabilities of what ships")
    assert "> ESLint" in output
    assert "> Vulnerabilities of what ships" in output


@pytest.mark.skipif(NODE not in ("18", "20"), reason=f"the matrix has no Node {NODE}")
def test_the_unit_job_writes_its_coverage(checkout: Path) -> None:
    assert "Coverage, for Codecov: ready for upload" in output_after_success(dwcp(checkout, "unit", "--matrix", f"node={NODE}"))
    assert (checkout / APP / "coverage/unit/lcov.info").read_text().startswith("TN:")


def test_too_little_coverage_fails_the_job(checkout: Path) -> None:
    source = checkout / APP / "src" / "uncovered.ts"
    functions = "\n".join(f"export function f{i}(n: number): number {{\n  return n > {i} ? n : -n;\n}}" for i in range(200))
    source.write_text(functions + "\n")
    try:
        done = dwcp(checkout, "unit", "--matrix", "node=20")
    finally:
        source.unlink()
    assert done.returncode == 1
    assert "does not meet" in done.stdout + done.stderr
    assert "error: these steps failed: Unit tests, 90 % coverage at least" in done.stderr


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="there is no redis-server on this machine")
def test_the_integration_job_uses_a_real_redis(checkout: Path) -> None:
    output = output_after_success(dwcp(checkout, "integration"))
    assert "- redis of this machine on port" in output
    assert "\nok 1" in (checkout / APP / "test-results/integration.tap").read_text()


@pytest.mark.parametrize("component", ["codec", "flow-control"])
def test_each_component_has_its_own_coverage(checkout: Path, component: str) -> None:
    output_after_success(dwcp(checkout, "components", "--matrix", f"component={component}"))
    assert f"src/{component}.ts" in (checkout / APP / f"coverage/{component}/lcov.info").read_text()


@pytest.mark.parametrize(("factor", "regression"), [(1e-6, False), (1e6, True)])
def test_the_performance_job_fails_only_on_a_regression(checkout: Path, factor: float, regression: bool) -> None:
    """The baseline is one that every machine meets, or one that no machine meets."""
    file = checkout / APP / "bench/baseline.json"
    committed = file.read_text()
    file.write_text(json.dumps(scaled(json.loads(committed), factor)))
    try:
        done = dwcp(checkout, "performance")
    finally:
        file.write_text(committed)
    assert (done.returncode != 0) is regression, done.stdout[-3000:] + done.stderr[-3000:]
    assert ("error: these steps failed: Regressions against the committed baseline" in done.stderr) is regression
    assert "Results, kept for 30 days: ready for upload" in done.stdout
    assert json.loads((checkout / APP / "bench-results/results.json").read_text())


def scaled(value: Any, factor: float) -> Any:
    """Every number of a baseline times ``factor``."""
    if isinstance(value, dict):
        return {key: scaled(item, factor) for key, item in value.items()}
    return value * factor if isinstance(value, int | float) else value


def test_the_security_job_runs_the_audit_and_lists_steps_that_need_github(checkout: Path) -> None:
    output = audited(dwcp(checkout, "security"), "npm audit")
    assert "Trivy on the lock files: aquasecurity/trivy-action runs on GitHub only" in output
    assert "> npm audit" in output


def test_the_build_job_creates_the_artifact_of_the_contract(checkout: Path) -> None:
    output = output_after_success(dwcp(checkout, "build"))
    assert re.search(r"dist: \d+ files, \d+ bytes", output)
    assert "Artifact: ready for upload" in output


@pytest.fixture
def service(checkout: Path) -> Iterator[str]:
    """The running service, with a Redis."""
    if not (checkout / APP / "dist/main.js").exists():
        output_after_success(dwcp(checkout, "build"))
    with running(checkout / APP) as url:
        yield url


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="there is no redis-server on this machine")
@pytest.mark.parametrize(("job", "name"), [("staging-smoke", "Smoke tests"), ("validation", "End-to-end tests")])
def test_smoke_and_end_to_end_tests_pass_on_a_running_service(checkout: Path, service: str, job: str, name: str) -> None:
    [step] = [each for each in find(checkout, job).steps if each.get("name") == name]
    environment = os.environ | {"BASE_URL": service}
    done = subprocess.run(
        ["bash", "-ec", step["run"]], cwd=checkout / APP, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_smoke_tests_fail_without_a_service(checkout: Path) -> None:
    [step] = [each for each in find(checkout, "staging-smoke").steps if each.get("name") == "Smoke tests"]
    with socket.socket() as server:  # does not listen, so that connections are refused
        server.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        done = subprocess.run(
            ["bash", "-ec", step["run"]],
            cwd=checkout / APP,
            env=os.environ | {"BASE_URL": url},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode != 0
    assert re.search(rf"^failed +/health answers \({url}\): .*ECONNREFUSED", done.stdout, re.MULTILINE), done.stdout


def test_the_release_of_main_is_named_after_its_commit(checkout: Path) -> None:
    [step] = [each for each in find(checkout, "release").steps if each.get("id") == "target"]
    sha = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    environment = os.environ | {"IMAGE": "ghcr.io/novacron/dwcp-v3", "GITHUB_REF": "refs/heads/main", "GITHUB_SHA": sha}
    done = subprocess.run(["bash", "-ec", step["run"]], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert f"release=sha-{sha[:12]}\n" in done.stdout, done.stderr
    assert f"ghcr.io/novacron/dwcp-v3-grafana:sha-{sha[:12]}" in done.stdout
    assert "production=false" in done.stdout
