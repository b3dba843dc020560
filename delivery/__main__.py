"""Entry point of ``dwcp``. An installed ``dwcp`` runs the code of the checkout that contains the current folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from program.checkout import CHECKOUT, around, is_checkout


def main() -> None:
    """Run ``dwcp``. Outside a checkout, an installed ``dwcp`` prints only the help and the version."""
    if not is_checkout(CHECKOUT):
        if found := around(Path.cwd()):
            _run_the_code_of(found)
        if _names_a_command(sys.argv[1:]):
            sys.stderr.write(f"error: {Path.cwd()} is not inside a DWCP v3 checkout; fix: change to the repository's folder\n")
            sys.exit(2)
    from delivery.cli.app import main as run

    run()


def _run_the_code_of(checkout: Path) -> None:
    """Replace this process with the checkout's ``dwcp``, because an installed copy can have older policies and components."""
    path = os.pathsep.join(filter(None, (str(checkout), os.environ.get("PYTHONPATH"))))
    command = [sys.executable, "-P", "-m", "delivery", *sys.argv[1:]]
    os.execve(sys.executable, command, {**os.environ, "PYTHONPATH": path})


def _names_a_command(arguments: list[str]) -> bool:
    return "--help" not in arguments and any(not each.startswith("-") for each in arguments)


if __name__ == "__main__":
    main()
