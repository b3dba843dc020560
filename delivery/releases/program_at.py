"""The program of an earlier update, in a temporary work tree of git.

A rollback and a promotion apply this program, so that they change nothing else, whatever the checkout contains.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from delivery.clients import git
from delivery.releases.request import commit_of
from program.checkout import CHECKOUT

VIRTUALENV = ".venv"
"""The folder with the packages, which ``Pulumi.yaml`` names. Every program runs with the packages that are installed now."""


@contextmanager
def program_at(commit: str, warn: Callable[[str], None], *, checkout: Path = CHECKOUT) -> Generator[Path]:
    """A context that yields a folder with the program of ``commit``.

    The folder is the checkout itself if the checkout has no changes and is at this commit, or if ``commit`` is empty because it is
    not known. If git cannot check out the commit, the function warns and yields the checkout. It raises no error, because a
    rollback during an incident must not wait until the repository is cloned completely.
    """
    if commit in ("", commit_of(checkout)):
        yield checkout
        return
    with TemporaryDirectory(prefix="dwcp-program-") as parent:
        folder = Path(parent) / checkout.name
        added = git.run(checkout, "-c", "core.hooksPath=/dev/null", "worktree", "add", "--quiet", "--detach", str(folder), commit)
        if added.returncode:
            reason = added.stderr.decode(errors="replace").strip().splitlines()[-1:]
            warn(
                f"git cannot check out the program of commit {commit} ({' '.join(reason)}), so the checkout's program is applied; "
                f"if this clone does not have the commit, run `git fetch origin {commit}`, then this command again"
            )
            yield checkout
            return
        try:
            if (checkout / VIRTUALENV).exists():
                (folder / VIRTUALENV).symlink_to(checkout / VIRTUALENV)
            yield folder
        finally:
            git.run(checkout, "worktree", "remove", "--force", str(folder))
