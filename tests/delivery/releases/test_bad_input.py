"""Invalid input is refused before any change, with the correct command."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from delivery.cli.app import app
from delivery.clients.environment import Environment
from delivery.confirmation import require_confirmation
from delivery.errors import DeliveryError, ExitCode, UsageError
from delivery.releases import request


def error_of(*arguments: str) -> DeliveryError:
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, DeliveryError), result.output
    return result.exception


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No credentials and no addresses, so that every error here occurs without them."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_ENDPOINT_URL", "KUBECONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://nowhere")
    monkeypatch.setattr(request, "changes_of", lambda _: [])
    monkeypatch.setattr(request, "require_tools", lambda _: None)


@pytest.mark.parametrize(
    ("arguments", "problem", "fix"),
    [
        ("render -e nowhere", "there is no stack 'nowhere'", "choose from account, local, production, staging"),
        ("images -e ''", "there is no stack ''", "choose from account"),
        ("deploy -e prod --tag v3.0.0", "there is no environment 'prod'", "--environment staging"),
        ("deploy --environment staging --tag latest", "--tag latest is not an allowed tag", "--tag v3.0.0"),
        ("deploy --environment staging --tag 3.1.0", "--tag 3.1.0 is not an allowed tag", "for example --tag v3.1.0"),
        ("deploy --environment staging --tag ''", "the value of --tag is empty", "omit the option"),
        ("deploy --environment staging --tag 'v3.0.0 v3.1.0'", "--tag 'v3.0.0 v3.1.0' is not an allowed tag", "--tag v3.0.0"),
        ("deploy -e staging --tests make --skip-tests", "--skip-tests and --tests contradict", "give only one of them"),
        ("deploy -e staging --health-url dwcp.example.com", "--health-url dwcp.example.com is not an HTTP URL", "https://"),
        ("deploy -e staging --wait inf", "--wait inf is not a number of seconds", "--wait 120"),
        ("rollback -e staging --to ''", "the value of --to is empty", "omit the option"),
        ("rollback -e staging --health-url ''", "--health-url '' is not an HTTP URL", "https://"),
        ("deploy -e staging --health-url 'http://x y'", "--health-url 'http://x y' is not an HTTP URL", "https://"),
        ("deploy -e staging --health-url http://a:b", "--health-url http://a:b is not an HTTP URL", "https://"),
        ("deploy -e staging --health-url http://", "--health-url http:// is not an HTTP URL", "https://"),
        ("deploy --environment production --tag v3.1.0-rc.1", "is not a release", "for example --tag v3.1.0"),
        ("deploy --environment production --tag sha-1a2b3c4", "production accepts only releases", "--tag v3.0.0"),
        ("deploy --environment staging --wait -1", "--wait -1 is not a number of seconds (0 or more)", "--wait 120"),
        ("deploy -e staging --plan none.json", "--plan none.json cannot be read", "--environment staging --save-plan plans"),
        ("deploy -e staging --plan x --tag v3.0.0", "and --tag names another", "give only one of them"),
        ("rollback --environment nowhere", "there is no environment 'nowhere'", "choose from local, staging, production"),
        ("rollback --environment staging --to-revision 0", "--to-revision 0 is not a revision", "--to-revision 2"),
        ("rollback --environment staging --to a --to-revision 2", "--to and --to-revision both name", "give only one of them"),
        ("rollback --environment staging --wait -5", "--wait -5 is not a number of seconds (0 or more)", "--wait 120"),
        ("releases --environment staging --limit 0", "--limit 0 is below 1", "--limit 20"),
        ("state restore --environment staging", "exactly one of --backup and --version", "--backup FILE or --version"),
        ("state lock --environment staging --seconds -1", "--seconds -1 is below 0", "--seconds 600"),
        ("state unlock --environment staging --wait nan", "--wait nan is not a number of seconds", "--wait 120"),
    ],
)
def test_invalid_input_is_refused_with_the_fix(arguments: str, problem: str, fix: str) -> None:
    error = error_of(*shlex.split(arguments))
    assert isinstance(error, UsageError)
    assert error.exit_code == ExitCode.USAGE
    assert problem in error.problem
    assert fix in error.fix


@pytest.mark.parametrize("command", ["deploy --tag v3.0.0", "rollback", "state verify", "state backup", "state bootstrap"])
def test_missing_credentials_are_reported(command: str) -> None:
    error = error_of(*command.split(), "--environment", "staging")
    assert error.problem.startswith("AWS cannot be called with your credentials")
    assert "aws sso login" in error.fix
    assert error.exit_code == ExitCode.FAILED


def test_production_needs_a_confirmation_by_a_person_or_an_option(monkeypatch: pytest.MonkeyPatch) -> None:
    production = Environment.open("production")
    given = ["deploy", "-e", "production", "--tag=v3.0.0", "--tests", "make check && echo 'a b'", "--skip-tests", "--wait", "60"]
    monkeypatch.setattr("sys.argv", ["/a/folder/dwcp", *given])
    with pytest.raises(UsageError, match="there is no terminal to confirm it") as error:
        require_confirmation(production, yes=False, what="deploy app:v3.0.0")
    assert shlex.split(error.value.fix.removeprefix("to confirm: ")) == ["dwcp", *given, "--yes"]
    require_confirmation(production, yes=True, what="deploy")
    require_confirmation(Environment.open("staging"), yes=False, what="deploy")
    with pytest.raises(UsageError, match="this would restore a state in staging, and there is no terminal"):
        require_confirmation(Environment.open("staging"), yes=False, what="restore a state", always=True)


@pytest.mark.parametrize(("answer", "is_confirmed"), [("production", True), ("y", False), ("", False), ("staging", False)])
def test_a_person_confirms_with_the_environment_name(monkeypatch: pytest.MonkeyPatch, answer: str, is_confirmed: bool) -> None:
    prompts: list[str] = []
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda text: (prompts.append(text), answer)[1])
    how = {"what": "roll out app:v3.0.0", "yes": False}
    if is_confirmed:
        require_confirmation(Environment.open("production"), **how)
    else:
        with pytest.raises(UsageError, match="not confirmed; nothing was changed") as error:
            require_confirmation(Environment.open("production"), **how)
        assert error.value.exit_code == ExitCode.USAGE
    assert prompts == ["roll out app:v3.0.0 in production? Type `production` to continue: "]


@pytest.mark.parametrize(("environment", "is_refused"), [("production", True), ("staging", False)])
def test_production_is_deployed_only_from_a_clean_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: str, is_refused: bool
) -> None:
    monkeypatch.undo()
    git = ["git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t@t"]
    subprocess.run([*git, "init", "--quiet"], check=True)
    (tmp_path / "Pulumi.yaml").write_text("name: dwcp-v3\n")
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "--quiet", "--message", "first"], check=True)
    monkeypatch.setattr("sys.argv", ["dwcp", "deploy", "-e", environment, "--tag", "v3.0.0", "--skip-tests"])
    options = request.DeployRequest(environment=environment, tag="v3.0.0", checkout=tmp_path)
    request.require_clean(Environment.open(environment), options)
    assert not request.commit_of(tmp_path).endswith("-dirty")
    (tmp_path / "Pulumi.yaml").write_text("name: other\n")
    (tmp_path / "new").touch()
    assert request.commit_of(tmp_path).endswith("-dirty")
    if is_refused:
        with pytest.raises(UsageError, match=r"differs from its commit in Pulumi.yaml, new") as error:
            request.require_clean(Environment.open(environment), options)
        assert "git stash --include-untracked && dwcp deploy -e production --tag v3.0.0 --skip-tests" in error.value.fix
    else:
        request.require_clean(Environment.open(environment), options)


@pytest.mark.parametrize("tag", ["v3.0.0", "v3.1.0-rc.1", "sha-1a2b3c4", f"v3.0.0@sha256:{'a' * 64}"])
def test_a_valid_tag_names_an_image_of_the_stacks_repository(tag: str) -> None:
    options = request.DeployRequest(environment="staging", tag=tag)
    assert request.image_of(Environment.open("staging"), options) == f"ghcr.io/novacron/dwcp-v3:{tag}"
