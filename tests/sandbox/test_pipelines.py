"""A release from its tag to validated production, and the scheduled jobs, with the commands and roles of the workflows."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from fixture_service import running
from github_server import Server, serving
from pipelines import Pipelines, commit
from stacks import Stack

from delivery.clients.state_backend import Backend
from embedded_cloud.processes import free_ports

pytestmark = [
    pytest.mark.cloud,
    pytest.mark.skipif(
        not all(map(shutil.which, ("node", "npm", "redis-server"))), reason="the fixture service needs Node and redis-server"
    ),
]

APP = "tests/fixtures/app"
NPM = (("ci", "--ignore-scripts", "--no-audit", "--no-fund"), ("run", "build"))
REPOSITORY = "ghcr.io/novacron/dwcp-v3"
NEXT = {"reference": f"{REPOSITORY}:v3.9.0@sha256:{'9' * 64}", "tag": f"v3.9.0@sha256:{'9' * 64}"}
"""The image digest of a release that is not deployed."""


@pytest.fixture(scope="module")
def github() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture(scope="module")
def pipelines(staging: Stack, production: Stack, github: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipelines]:
    folder = tmp_path_factory.mktemp("pipelines")
    checkout = commit(folder, (staging, production))
    service = folder / "service"
    shutil.copytree(checkout / APP, service)
    for arguments in NPM:
        subprocess.run(["npm", *arguments], cwd=service, check=True, capture_output=True)
    with running(service) as url:
        stacks = {"staging": staging, "production": production}
        yield Pipelines(checkout=checkout, stacks=stacks, base_url=url, more={"GITHUB_API_URL": github.address})


@contextmanager
def denied(stack: Stack, kind: str, action: str) -> Iterator[None]:
    """Deny an action to a role of the stack's environment."""
    iam, role = stack.client("iam"), {"RoleName": f"dwcp-v3-{stack.name}-{kind}", "PolicyName": "denied"}
    statement = {"Effect": "Deny", "Action": action, "Resource": "*"}
    iam.put_role_policy(**role, PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    try:
        yield
    finally:
        iam.delete_role_policy(**role)


def served_versions(stack: Stack) -> tuple[list[str], int]:
    """The versions behind the load balancer, and the canary's share of the requests."""
    summary = stack.monitoring.control("")
    weights = [each["weight"] for each in summary["weights"] if each["targets"]]
    return summary["tracks"]["stable"]["versions"], 100 - max(weights)


def test_a_release_goes_from_its_tag_to_validated_production(pipelines: Pipelines) -> None:
    done = pipelines.release("v3.1.0")
    results = {name: each["result"] for name, each in done.items()}
    expected = dict.fromkeys(results, "success") | {"staging-rollback": "skipped", "rollback": "skipped"}
    assert results == expected, pipelines.full_output()
    image = done["image"]["outputs"]["reference"]
    for stack in pipelines.stacks.values():
        newest = pipelines.dwcp(stack, "releases")[0]
        assert (newest["image"], newest["result"]) == (image, "deployed")
        assert served_versions(stack) == (["v3.1.0"], 0)
    assert image in (pipelines.checkout / "report.md").read_text()
    figures = pipelines.stacks["production"].client("cloudwatch").list_metrics(Namespace="DWCP/Delivery")["Metrics"]
    assert {"Name": "Outcome", "Value": "success"} in [each for metric in figures for each in metric["Dimensions"]]


def test_a_release_whose_validation_fails_is_rolled_back_with_the_same_roles(pipelines: Pipelines, github: Server) -> None:
    production = pipelines.stacks["production"]
    before = next(each for each in pipelines.dwcp(production, "releases") if each["result"] == "deployed")
    unreachable = {"validation": {"BASE_URL": f"http://127.0.0.1:{free_ports(1)[0]}"}}
    done = pipelines.release("v3.2.0", succeeded=("staging",), variables=unreachable)
    results = {name: each["result"] for name, each in done.items()}
    expected = dict.fromkeys(results, "success") | {"staging-rollback": "skipped", "validation": "failure", "report": "skipped"}
    assert results == expected, pipelines.full_output()
    assert served_versions(production) == ([before["tag"].partition("@")[0]], 0)
    [incident] = github.issues
    assert "and was rolled back" in incident["body"]


def test_the_next_push_deploys_after_a_staging_job_that_was_killed(pipelines: Pipelines) -> None:
    """The killed job's lease has not expired, and the lock of its engine stays. GitHub reports that its run has ended."""
    staging = pipelines.stacks["staging"]
    lease = {"TableName": "dwcp-v3-leases", "Key": {"environment": {"S": "staging"}}}
    dynamodb = staging.client("dynamodb")
    owner = json.loads(dynamodb.get_item(**lease)["Item"]["owner"]["S"])
    gone = {**owner, "host": "runner", "machine": "runner", "run": "novacron/novacron/5/1"}
    dynamodb.update_item(
        **lease,
        UpdateExpression="SET held = :yes, #owner = :owner",
        ExpressionAttributeNames={"#owner": "owner"},
        ExpressionAttributeValues={":yes": {"BOOL": True}, ":owner": {"S": json.dumps(gone)}},
    )
    lock = {"pid": 1, "username": "ci", "hostname": "runner", "timestamp": "2026-01-01T00:00:00Z"}
    url = urlsplit(staging.cloud.engine.environment()["PULUMI_BACKEND_URL"])
    backend = Backend(bucket=url.netloc, prefix=url.path.strip("/"))
    staging.client("s3").put_object(Bucket=backend.bucket, Key=f"{backend.locks('staging')}/1.json", Body=json.dumps(lock))
    runs = pipelines.dwcp(staging, "releases")[0]
    built = {"reference": runs["image"], "tag": runs["tag"]}
    done = pipelines.run("staging", needs={"image": {"result": "success", "outputs": built}})
    assert not done.failed, pipelines.full_output()


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_there_is_no_drift_after_the_releases(pipelines: Pipelines, github: Server, environment: str) -> None:
    assert not pipelines.run("drift", matrix={"environment": environment}).failed, pipelines.full_output()
    assert not any("drift" in each["labels"] for each in github.issues)


@pytest.mark.parametrize("stack", ["staging", "production"])
def test_the_engines_preview_reports_no_changes(pipelines: Pipelines, stack: str) -> None:
    assert not pipelines.run("engine", matrix={"stack": stack}).failed, pipelines.full_output()
    [found] = json.loads((pipelines.checkout / "engine-preview" / "preview.json").read_text())["stacks"]
    assert not found["changes"]
    assert found["unchanged"]


@pytest.mark.parametrize(
    ("job", "kind", "action", "step"),
    [
        ("staging", "deploy", "dynamodb:UpdateItem", "Lock of a run that has ended"),
        ("rollout", "deploy", "elasticloadbalancing:DescribeTargetHealth", "10 % -> 50 % -> 100 %"),
        (
            "drift",
            "preview",
            "elasticloadbalancing:DescribeRules",
            "Compare the state with what runs, and keep the issue up to date",
        ),
        ("engine", "preview", "s3:GetObject", "The engine's preview"),
    ],
)
def test_a_job_whose_role_lacks_an_action_fails_with_its_name(
    pipelines: Pipelines, capfd: pytest.CaptureFixture[str], job: str, kind: str, action: str, step: str
) -> None:
    stack = pipelines.stacks["staging" if job == "staging" else "production"]
    matrix = {"drift": {"environment": stack.name}, "engine": {"stack": stack.name}}.get(job)
    approval = {"result": "success", "outputs": {"attempt": "1"}}
    needs = {"image": {"result": "success", "outputs": NEXT}, "approval": approval}
    with denied(stack, kind, action):
        done = pipelines.run(job, needs=needs, matrix=matrix)
    output = "".join(capfd.readouterr()) + pipelines.full_output()
    assert any(each.startswith(step) for each in done.failed), output
    assert f"is not authorized to perform: {action}" in output, output
