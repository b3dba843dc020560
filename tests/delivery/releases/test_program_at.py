"""The program of an earlier commit, in a work tree of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from repositories import git

from delivery.clients import git as git_client
from delivery.releases.program_at import program_at


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with two commits and a virtual environment that git ignores."""
    folder = tmp_path / "checkout"
    (folder / ".venv").mkdir(parents=True)
    (folder / ".gitignore").write_text(".venv\n")
    git(folder, "init", "--initial-branch", "main")
    for version in ("former", "present"):
        (folder / "__main__.py").write_text(version)
        git(folder, "add", "--all")
        git(folder, "commit", "--message", version)
    return folder


def commit(folder: Path, name: str) -> str:
    return git_client.text(folder, "rev-parse", name)


def test_a_former_program_is_in_another_folder_with_the_same_packages(checkout: Path) -> None:
    warnings: list[str] = []
    with program_at(commit(checkout, "HEAD~1"), warnings.append, checkout=checkout) as folder:
        assert (folder / "__main__.py").read_text() == "former"
        assert (folder / ".venv").resolve() == checkout / ".venv"
        assert commit(folder, "HEAD") == commit(checkout, "HEAD~1"), "the engine records the commit"
        assert git_client.text(folder, "status", "--porcelain") == "", "and that no file differs from it"
    assert not folder.exists()
    assert git_client.text(checkout, "worktree", "list").count("\n") == 0
    assert warnings == []


def test_the_checkout_is_used_if_it_is_the_program_or_no_commit_is_known(checkout: Path) -> None:
    for wanted in (commit(checkout, "HEAD"), ""):
        with program_at(wanted, pytest.fail, checkout=checkout) as folder:
            assert folder == checkout


def test_files_that_differ_from_the_commit_are_not_its_program(checkout: Path) -> None:
    (checkout / "__main__.py").write_text("unfinished")
    with program_at(commit(checkout, "HEAD"), pytest.fail, checkout=checkout) as folder:
        assert (folder / "__main__.py").read_text() == "present"


def test_without_the_commit_the_checkout_is_used_with_a_warning(checkout: Path) -> None:
    warnings: list[str] = []
    with program_at("0" * 40, warnings.append, checkout=checkout) as folder:
        assert folder == checkout
    [warning] = warnings
    assert "git fetch origin 0000000" in warning
