"""Finds the checkout, which contains the programs and their stack files, and finds the folder of each stack's program."""

from __future__ import annotations

from pathlib import Path

from contract import PROJECT
from program.errors import ProgramError

CHECKOUT = Path(__file__).parent.parent
"""The folder that contains this package. The folder is not a checkout if only the package is installed (``is_checkout``)."""

PROJECT_LINE = f"name: {PROJECT}"


def is_checkout(folder: Path) -> bool:
    """Whether ``folder`` is the root of a checkout of the platform's program."""
    try:
        return PROJECT_LINE in (folder / "Pulumi.yaml").read_text().splitlines() and (folder / "components").is_dir()
    except OSError:
        return False


def stacks_of(checkout: Path) -> dict[str, Path]:
    """The program's folder by stack name. The folder is the checkout itself, or a folder in the checkout that has a project file.

    A program in a folder, such as the account's program in ``bootstrap``, imports the modules of the checkout. Raises
    ``ProgramError`` if two programs have a stack of the same name.
    """
    found: dict[str, Path] = {}
    for folder in (checkout, *sorted(each.parent for each in checkout.glob("[!.]*/Pulumi.yaml"))):
        for file in sorted(folder.glob("Pulumi.*.yaml")):
            if (former := found.setdefault(file.name.split(".")[1], folder)) != folder:
                files = " and ".join(str((each / file.name).relative_to(checkout)) for each in (former, folder))
                raise ProgramError(f"{files} are for the same stack name", "rename one of the stacks")
    return found


def program_of(checkout: Path, stack: str) -> Path:
    """The folder of the program of a stack; the checkout for an unknown stack."""
    return stacks_of(checkout).get(stack, checkout)


def around(folder: Path) -> Path | None:
    """The checkout that is ``folder`` or contains it; ``None`` if no checkout does."""
    return next((each for each in (folder, *folder.parents) if is_checkout(each)), None)
