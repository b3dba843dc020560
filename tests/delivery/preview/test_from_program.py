"""Previews of revisions of a repository, and the messages if one of them does not run."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from recording import ROOT
from repositories import git
from typer.testing import CliRunner

from delivery.cli.app import app
from delivery.errors import DeliveryError, ExitCode, UsageError
from delivery.preview import comment as markdown
from delivery.preview.change import Kind, Preview
from delivery.preview.from_program import preview, readable
from program.errors import ProgramError
from program.evaluation import EvaluationError

PROGRAM = """
import pulumi

zone = pulumi.Config("dwcp-v3").require_object("network")["zone"]


class Bucket(pulumi.CustomResource):
    def __init__(self, name, tags):
        super().__init__("made:index:Bucket", name, {"tags": tags, "bucket": None})


Bucket("store", {"zone": zone})
"""
STACK = "config:\n  dwcp-v3:network: {zone: a}\n"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository whose ``main`` has one bucket, with a branch ``change`` checked out."""
    git(tmp_path, "init", "--initial-branch=main")
    (tmp_path / "__main__.py").write_text(PROGRAM)
    (tmp_path / "Pulumi.yaml").write_text("name: dwcp-v3\nruntime: python\n")
    (tmp_path / "Pulumi.staging.yaml").write_text(STACK)
    commit(tmp_path)
    git(tmp_path, "checkout", "-b", "change")
    return tmp_path


def commit(folder: Path) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--message", "change")


def on_main(repository: Path, program: str) -> None:
    """Commit a change to ``main`` and return to ``change``."""
    git(repository, "checkout", "main")
    (repository / "__main__.py").write_text(program)
    commit(repository)
    git(repository, "checkout", "-B", "change")
    (repository / "__main__.py").write_text(PROGRAM)


@dataclass
class Done:
    """The result of the command, which runs in this process because a new one for each test would be slow."""

    returncode: int
    stdout: str
    stderr: str


def command(repository: Path, *arguments: str) -> Done:
    result = CliRunner().invoke(app, ["preview", "--base", "main", "--repository", str(repository), *arguments])
    if isinstance(result.exception, DeliveryError):
        return Done(result.exception.exit_code, result.stdout, f"error: {result.exception}")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return Done(result.exit_code, result.stdout, result.stderr)


def test_at_the_edge_an_error_is_a_message_and_an_exit_code(repository: Path) -> None:
    line = [sys.executable, "-m", "delivery", "preview", "--base", "nowhere", "--repository", str(repository)]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == ExitCode.USAGE
    assert done.stderr.splitlines()[1].startswith("error: there is no revision 'nowhere' here")
    assert "Traceback" not in done.stderr


def test_nothing_is_said_when_nothing_changes(repository: Path) -> None:
    done = command(repository)
    assert (done.returncode, done.stdout) == (ExitCode.DONE, ""), done.stderr


def test_the_work_tree_is_compared_as_it_is(repository: Path) -> None:
    (repository / "__main__.py").write_text(PROGRAM.replace('"store"', '"other"'))
    [stack] = preview("main", repository=repository).stacks
    assert [(each.kind, each.name) for each in stack.changes] == [(Kind.DELETE, "store"), (Kind.CREATE, "other")]


def test_later_commits_of_the_base_are_not_part_of_the_change(repository: Path) -> None:
    (repository / "note.txt").write_text("x")
    commit(repository)
    git(repository, "checkout", "main")
    (repository / "__main__.py").write_text(PROGRAM.replace('"store"', '"later"'))
    commit(repository)
    git(repository, "checkout", "change")
    assert preview("main", repository=repository).silent


def test_two_revisions_are_compared_without_the_work_tree(repository: Path) -> None:
    (repository / "Pulumi.staging.yaml").write_text(STACK.replace("zone: a", "zone: b"))
    commit(repository)
    (repository / "__main__.py").write_text("nonsense(")
    [stack] = preview("main", "change", repository=repository).stacks
    [change] = stack.changes
    assert [(each.path, each.before, each.after) for each in change.properties] == [("tags.zone", "a", "b")]


def test_the_reports_are_written(repository: Path, tmp_path: Path) -> None:
    (repository / "Pulumi.staging.yaml").write_text(STACK.replace("zone: a", "zone: b"))
    done = command(repository, "--output", str(tmp_path / "out"))
    assert done.returncode == ExitCode.DONE, done.stderr
    found = Preview.from_json((tmp_path / "out/preview.json").read_bytes())
    assert markdown.render(found) == (tmp_path / "out/preview.md").read_text()
    assert "<svg" in (tmp_path / "out/preview.html").read_text()


BROKEN = {
    "does not import": ("import nothing_of_that_name\n", "ModuleNotFoundError: No module named 'nothing_of_that_name'"),
    "is no Python": ("def (\n", "SyntaxError"),
    "raises": ("raise ValueError('no such thing')\n", "ValueError: no such thing (__main__.py:1)"),
    "ends itself": ("import sys\nsys.exit(3)\n", "SystemExit: 3"),
    "kills itself": ("import os\nprint('last words')\nos._exit(3)\n", "ended without an answer"),
}


@pytest.mark.parametrize(("program", "says"), BROKEN.values(), ids=BROKEN)
def test_a_head_that_does_not_run_fails_and_says_why(repository: Path, program: str, says: str) -> None:
    (repository / "__main__.py").write_text(program)
    done = command(repository)
    assert done.returncode == ExitCode.FAILED
    assert "### staging: cannot be previewed" in done.stdout
    assert says in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_base_that_does_not_import_leaves_it_to_a_person(repository: Path) -> None:
    on_main(repository, "import nothing_of_that_name\n")
    done = command(repository)
    assert done.returncode == ExitCode.HELD
    assert "### staging: the base cannot be evaluated" in done.stdout
    assert "No module named 'nothing_of_that_name'" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("stack", "says"),
    [
        ("config:\n  dwcp-v3:network: {}\n", "KeyError: 'zone'"),
        (
            "config:\n  dwcp-v3:network: {zone: 2026-01-01}\n",
            "network.zone is 2026-01-01, which YAML reads as a date",
        ),
    ],
)
def test_a_stack_file_with_a_bad_value_is_named(repository: Path, stack: str, says: str) -> None:
    (repository / "Pulumi.staging.yaml").write_text(stack)
    done = command(repository)
    assert done.returncode == ExitCode.FAILED
    assert says in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_two_resources_with_one_urn_are_refused(repository: Path) -> None:
    (repository / "__main__.py").write_text(PROGRAM + 'Bucket("store", {"zone": "b"})\n')
    done = command(repository)
    assert done.returncode == ExitCode.FAILED
    assert "several resources have the same URN, which the engine refuses" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_new_stack_is_all_creations(repository: Path) -> None:
    (repository / "Pulumi.canada.yaml").write_text(STACK)
    canada, staging = preview("main", repository=repository).stacks
    assert [(each.kind, each.name) for each in canada.changes] == [(Kind.CREATE, "store")]
    assert canada.notes == ("The stack is new: the base has no file for it.",)
    assert staging.silent


def test_a_program_in_a_folder_is_previewed_like_the_other(repository: Path) -> None:
    git(repository, "checkout", "main")
    (repository / "bootstrap").mkdir()
    (repository / "bootstrap/__main__.py").write_text(PROGRAM.replace("store", "roles"))
    (repository / "bootstrap/Pulumi.yaml").write_text("name: dwcp-v3-account\nruntime: python\n")
    (repository / "bootstrap/Pulumi.account.yaml").write_text(STACK)
    commit(repository)
    git(repository, "checkout", "-B", "change")
    (repository / "bootstrap/Pulumi.account.yaml").write_text(STACK.replace("zone: a", "zone: b"))
    account, staging = preview("main", repository=repository).stacks
    [changed] = account.changes
    assert (account.stack, changed.name, changed.kind) == ("account", "roles", Kind.UPDATE)
    assert ":dwcp-v3-account::" in changed.urn
    assert staging.silent
    (repository / "bootstrap/Pulumi.yaml").write_text("name: dwcp-v3\nruntime: python\n")
    account, staging = preview("main", repository=repository).stacks
    assert account.problem.startswith("bootstrap/Pulumi.yaml renames the project from dwcp-v3-account to dwcp-v3")
    assert staging.silent


def test_two_stacks_of_the_same_name_are_refused(repository: Path) -> None:
    (repository / "other").mkdir()
    (repository / "other/Pulumi.yaml").write_text("name: dwcp-v3-other\nruntime: python\n")
    (repository / "other/Pulumi.staging.yaml").write_text(STACK)
    with pytest.raises(ProgramError) as refused:
        preview("main", repository=repository)
    assert refused.value.problem == "Pulumi.staging.yaml and other/Pulumi.staging.yaml are for the same stack name"
    assert refused.value.fix == "rename one of the stacks"


def test_a_stack_file_that_is_gone_fails_and_says_that_nothing_is_deleted_by_that(repository: Path) -> None:
    (repository / "Pulumi.staging.yaml").unlink()
    done = command(repository)
    assert done.returncode == ExitCode.FAILED
    assert "the stack's resources are not" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--base", "--upload-pack=x"), "there is no revision '--upload-pack=x'"),
        (("--head", "nowhere"), "there is no revision 'nowhere'"),
        (("--environment", "mars"), "there is no stack 'mars'"),
    ],
)
def test_invalid_arguments_are_refused(repository: Path, arguments: tuple[str, ...], says: str) -> None:
    done = command(repository, *(f"{arguments[0]}={arguments[1]}",))
    assert done.returncode == ExitCode.USAGE
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_program_sees_no_credential(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fork's pull request can print everything that it can read."""
    monkeypatch.setenv("GITHUB_TOKEN", "the-token")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the-key")
    (repository / "__main__.py").write_text("import os\nraise ValueError(sorted(os.environ.values()))\n")
    [stack] = preview("main", repository=repository).stacks
    assert "ValueError" in stack.problem
    assert "the-token" not in stack.problem
    assert "the-key" not in stack.problem


def test_of_a_traceback_only_the_last_line_is_read() -> None:
    error = EvaluationError(
        "it ended: Traceback (most recent call last):\n  File 'x', line 1\n    boom()\nValueError: no such thing"
    )
    assert readable(error) == "it ended: ValueError: no such thing"


def test_a_long_error_ends_with_how_much_is_left() -> None:
    said = readable(EvaluationError("\n".join(f"mistake {number}" for number in range(100)))).splitlines()
    assert said[-1] == "... and 60 more lines"


def test_a_folder_that_is_not_a_repository_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a git repository") as raised:
        preview("main", repository=tmp_path)
    assert raised.value.fix == "clone the repository: a downloaded tree has no revisions to compare"
