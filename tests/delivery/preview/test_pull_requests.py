"""Pull requests by authors who had not seen the rules: branches of a repository, previewed by the command.

Two of them are good. Each of the others looks like a small improvement, and the expected result is that of an expert who read it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from recording import ROOT
from repositories import git
from typer.testing import CliRunner

from delivery.cli.app import app
from delivery.preview import from_program
from program.evaluation import evaluate_worlds

PROGRAM = (
    *("__main__.py", "contract.py", "components", "delivery", "policies", "program", "Pulumi.yaml", "Pulumi.production.yaml"),
    *("bootstrap", "pyproject.toml", "requirements.txt", "uv.lock"),
)
"""What a preview of production and of the account needs from a checkout."""


@dataclass(frozen=True)
class PullRequest:
    """Changes of texts by file, and the expert's result."""

    edits: Mapping[str, list[tuple[str, str]]]
    stopped_by: str = ""
    """The rule that stops it; empty if the preview passes."""
    loses: Mapping[str, str] = field(default_factory=dict[str, str])
    """By the name of a resource, a part of what its change loses."""
    shown: Mapping[str, str] = field(default_factory=dict[str, str])
    """By the name of a resource, a part of the new value of a property, or of a warning."""
    stack: str = "production"
    """The only stack that changes."""


PULL_REQUESTS = {
    "the load balancer's health check is also the pods' liveness": PullRequest(
        {
            "components/aws/load_balancer.py": [
                ('HEALTH_PATH = "/health"', 'HEALTH_PATH = "/ready"'),
                ("HEALTH_INTERVAL_SECONDS = 15", "HEALTH_INTERVAL_SECONDS = 10"),
            ]
        },
        stopped_by="workload-probes",
    ),
    "the key of the logs serves fewer log groups than name it": PullRequest(
        {
            "components/aws/logs.py": [
                ('account, ":log-group:*")', 'account, ":log-group:/aws/containerinsights/dwcp-v3-production/*")')
            ]
        },
        stopped_by="data-log-key-usable",
    ),
    "buckets refuse old TLS": PullRequest(
        {
            "components/aws/_buckets.py": [
                (
                    "policy=document(*statements, tls_only)",
                    'policy=document(*statements, tls_only, Statement(effect="Deny", actions=["s3:*"], '
                    'resources=tls_only.resources, principals="*", conditions={"NumericLessThan": {"s3:TlsVersion": "1.2"}}))',
                )
            ]
        }
    ),
    "one disruption budget's labels for both tracks": PullRequest(
        {
            "components/workload/_tracks.py": [
                (
                    "_disruption_budget(name, metadata, labels, child)",
                    "_disruption_budget(name, metadata, {APP_LABEL: args.app}, child)",
                )
            ]
        },
        stopped_by="workload-budget-allows-eviction",
    ),
    "a certificate of others, and no record any more": PullRequest(
        {
            "Pulumi.production.yaml": [
                (
                    "hostedZone: example.com",
                    "certificateArn: arn:aws:acm:us-east-1:111122223333:certificate/7d1f0c52-3a86-4c0e-9b57-e2a4c8f61d93\n"
                    "    hostedZone: null",
                )
            ]
        },
        loses={"dwcp-v3": "no longer resolves"},
    ),
    "artifacts are deleted after 90 days, and with them the backups": PullRequest(
        {
            "components/aws/artifacts.py": [
                (
                    "noncurrent_version_expiration=",
                    "expiration=s3.BucketLifecycleConfigurationRuleExpirationArgs(days=90),\n"
                    "            noncurrent_version_expiration=",
                )
            ]
        },
        loses={"dwcp-v3-artifacts": "objects older than 90 days"},
    ),
    "the program ignores the containers of the stable track": PullRequest(
        {
            "components/field_owners.py": [
                (
                    'Ownership(DEPLOYMENT, f"{APPLICATION}-deployment", "spec.replicas", "autoscaler"),',
                    'Ownership(DEPLOYMENT, f"{APPLICATION}-deployment", "spec.replicas", "autoscaler"),\n'
                    '    Ownership(DEPLOYMENT, f"{APPLICATION}-deployment", "spec.template.spec.containers", "delivery"),',
                )
            ]
        },
        stopped_by="delivery-owned-fields",
    ),
    "an exporter gets more memory": PullRequest(
        {"components/monitoring/exporters.py": [('memory=("32Mi", "128Mi")', 'memory=("64Mi", "256Mi")')]}
    ),
    "Redis looks for its files elsewhere": PullRequest(
        {
            "components/workload/redis.py": [
                ('        "appendonly yes",\n', '        "appendonly yes",\n        "appenddirname aof",\n')
            ]
        },
        loses={"dwcp-v3-redis-config": "all data of Redis"},
    ),
    "jobs of every branch get the deploy roles": PullRequest(
        {
            "components/aws/iam.py": [
                (
                    """\
            "StringEquals": {
                f"{GITHUB_TOKENS}:aud": "sts.amazonaws.com",
                f"{GITHUB_TOKENS}:sub": f"{subject}:environment:{environment}",
            }
""",
                    """\
            "StringEquals": {f"{GITHUB_TOKENS}:aud": "sts.amazonaws.com"},
            "StringLike": {
                f"{GITHUB_TOKENS}:sub": [f"{subject}:environment:{environment}", f"{subject}:ref:refs/heads/*"]
            },
""",
                )
            ]
        },
        stopped_by="identity-trusted-tokens",
        shown={"dwcp-v3-production-deploy": "refs/heads/*"},
        stack="account",
    ),
    "the data of Redis is mounted where Redis does not look": PullRequest(
        {"components/workload/redis.py": [('name="data", mount_path=DATA_FOLDER', 'name="data", mount_path="/var/lib/redis"')]},
        loses={"dwcp-v3-redis-deployment": "it is mounted at /var/lib/redis"},
        shown={"dwcp-v3-redis-deployment": "has no volume at /data"},
    ),
    "the service has no folder for temporary files": PullRequest(
        {"components/workload/_tracks.py": [('mount_path="/tmp"', 'mount_path="/var/tmp"')]},
        shown={"dwcp-v3-deployment": "has no volume at /tmp"},
    ),
}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with this checkout's program as its only commit, and a branch per pull request."""
    folder = tmp_path_factory.mktemp("repository")
    for name in PROGRAM:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "base")
    for number, title in enumerate(PULL_REQUESTS):
        git(folder, "checkout", "-q", "-b", f"pr-{number}", "main")
        for file, edits in PULL_REQUESTS[title].edits.items():
            content = (folder / file).read_text()
            for old, new in edits:
                assert old in content, f"{file} no longer contains {old!r}: rewrite the pull request"
                content = content.replace(old, new)
            (folder / file).write_text(content)
        git(folder, "commit", "-q", "-a", "-m", title)
    git(folder, "checkout", "-q", "main")
    return folder


@pytest.fixture(scope="module", autouse=True)
def evaluate_main_once() -> Iterator[None]:
    """Keep the result of each evaluation, because an evaluation takes seconds and every pull request is compared with `main`."""
    known: dict[tuple[str, ...], Any] = {}

    def evaluated(stacks: Sequence[str], folder: Path) -> Any:
        content = hashlib.sha256()
        for file in sorted(each for each in folder.rglob("*") if each.is_file()):
            content.update(f"{file.relative_to(folder)} {file.stat().st_size}\n".encode() + file.read_bytes())
        revision = (content.hexdigest(), *stacks)
        if revision not in known:
            known[revision] = evaluate_worlds(stacks, folder)
        return known[revision]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(from_program, "evaluate_worlds", evaluated)
        yield


def previewed(repository: Path, branch: str, *options: str) -> tuple[int, dict[str, Any]]:
    """The exit code, and the report on each stack that changes: of all stacks, as in a pull request's comment."""
    command = ["preview", "--base", "main", "--head", branch, "--format", "json", "--repository", str(repository), *options]
    done = CliRunner().invoke(app, command)
    assert done.stdout, done.exception
    stacks = json.loads(done.stdout)["stacks"]
    assert not [each["problem"] for each in stacks if each.get("problem")]
    return done.exit_code, {each["stack"]: each for each in stacks if each["changes"] or each["violations"]}


@pytest.mark.parametrize("title", PULL_REQUESTS)
def test_a_pull_request_gets_the_result_of_an_expert(repository: Path, title: str) -> None:
    request = PULL_REQUESTS[title]
    number = list(PULL_REQUESTS).index(title)
    # An evaluation takes seconds, so only the first pull request is previewed for all stacks.
    code, changed = previewed(repository, f"pr-{number}", *(("--environment", request.stack) if number else ()))
    assert set(changed) == {request.stack}
    stack = changed[request.stack]
    stopped = {each["policy"] for each in stack["violations"] if each["new"] and each["level"] == "mandatory"}
    assert (code, bool(stopped)) == ((1, True) if request.stopped_by else (0, False)), stopped
    assert not request.stopped_by or request.stopped_by in stopped
    losing = [(each["name"], each["loses"]) for each in stack["changes"] if each.get("loses")]
    for name, part in request.loses.items():
        assert any(name == found and part in loses for found, loses in losing), losing
    assert bool(losing) == bool(request.loses), losing
    new = [(each["name"], str(one["after"])) for each in stack["changes"] for one in each["properties"]]
    for name, part in request.shown.items():
        told = [text for found, text in new if found == name] + [each for each in stack["warnings"] if each.startswith(name)]
        assert any(part in each for each in told), (name, told)
