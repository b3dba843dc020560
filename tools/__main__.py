"""``python -m tools [--check]``: write all generated files of the checkout, or with ``--check`` fail if one is out of date."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from program.checkout import CHECKOUT
from tools import (
    checks_reference,
    ci_scenarios,
    compose,
    dashboard_picture,
    monitoring_reference,
    policies_reference,
    requirements,
    runbooks,
    settings_reference,
    types_reference,
)

GENERATORS = (
    settings_reference,
    types_reference,
    monitoring_reference,
    dashboard_picture,
    policies_reference,
    checks_reference,
    compose,
    runbooks,
    requirements,
    ci_scenarios,
)
"""The generators. Each module has a function ``files()``, which returns the texts of files by their path in the checkout."""

OWNED_FOLDERS = (compose.CONFIG_FOLDER,)
"""Folders that contain only generated files. A file in such a folder that no generator writes is removed."""


def generated() -> dict[Path, str]:
    """The text of every generated file, by its path in the checkout."""
    return {path: text for generator in GENERATORS for path, text in generator.files().items()}


def outdated(files: dict[Path, str]) -> list[Path]:
    """The paths whose text differs from ``files``, including missing and superfluous files."""
    wrong = [path for path, text in files.items() if not (CHECKOUT / path).is_file() or (CHECKOUT / path).read_text() != text]
    return sorted([*wrong, *_superfluous(files)])


def write(files: dict[Path, str]) -> list[Path]:
    """Write ``files`` and remove superfluous files; return the paths that changed."""
    changed = outdated(files)
    for path in changed:
        if path in files:
            (CHECKOUT / path).parent.mkdir(parents=True, exist_ok=True)
            (CHECKOUT / path).write_text(files[path])
        else:
            (CHECKOUT / path).unlink()
    return changed


def _superfluous(files: dict[Path, str]) -> list[Path]:
    found = [path.relative_to(CHECKOUT) for folder in OWNED_FOLDERS for path in (CHECKOUT / folder).rglob("*") if path.is_file()]
    return [path for path in found if path not in files]


def main(arguments: list[str]) -> int:
    """Run the command; return the exit code, which is 1 if ``--check`` finds a file that is out of date."""
    parser = argparse.ArgumentParser(prog="python -m tools", description="Write the generated files.")
    parser.add_argument("--check", action="store_true", help="only list the files that are out of date")
    given = parser.parse_args(arguments)
    files = generated()
    if given.check:
        for path in (wrong := outdated(files)):
            sys.stderr.write(f"error: {path} is out of date\n  fix: make generate\n")
        return 1 if wrong else 0
    for path in write(files):
        sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
