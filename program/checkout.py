"""The checkout that contains the program and the stack files on which every command works."""

from __future__ import annotations

from pathlib import Path

from contract import PROJECT

CHECKOUT = Path(__file__).parent.parent
"""The folder that contains this package. It is not a checkout if only the package is installed (``is_checkout``)."""

PROJECT_LINE = f"name: {PROJECT}"


def is_checkout(folder: Path) -> bool:
    """Whether ``folder`` is the root of a checkout of the platform's program."""
    try:
        return PROJECT_LINE in (folder / "Pulumi.yaml").read_text().splitlines() and (folder / "components").is_dir()
    except OSError:
        return False


def around(folder: Path) -> Path | None:
    """The checkout that is ``folder`` or contains it; ``None`` if there is none."""
    return next((each for each in (folder, *folder.parents) if is_checkout(each)), None)
