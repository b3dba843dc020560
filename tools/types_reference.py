"""The generator of texts from the catalogue of resource types: the table of import ids, and the list of protected types."""

from __future__ import annotations

import re
from pathlib import Path

from program.catalogue import AWS, every_type
from tools.generated_blocks import file_with

IMPORTING_PAGE = Path("docs/importing.md")
PROTECTION = Path("components/protection.py")


def import_table() -> str:
    """The table of the ids by which AWS resources are imported."""
    lines = ["| type | id to import | source |", "|---|---|---|"]
    for token, entry in sorted(AWS.items()):
        if entry.import_id:
            lines.append(f"| `{token}` | {entry.import_id} | {entry.import_source or f'`{_terraform(token)}`'} |")
    return "\n".join(lines) + "\n"


def _terraform(token: str) -> str:
    """The name of a type in Terraform: ``aws_SERVICE_KIND``, or ``aws_KIND`` for a type of EC2."""
    service, kind = token.split(":")[1].split("/")[0], re.sub(r"(?<!^)([A-Z])", r"_\1", token.rpartition(":")[2]).lower()
    return f"aws_{kind}" if service == "ec2" else f"aws_{service}_{kind}"


def protected_types() -> str:
    """The lines with the types that production protects. A Kubernetes type gets ``v1``, because the catalogue omits versions."""
    held = sorted(token for token, entry in every_type().items() if entry.holds_data)
    names = [re.sub(r"^(kubernetes:[^/]+)/", r"\1/v1:", token) for token in held]
    return "".join(f'    "{each}",\n' for each in names)


def files() -> dict[Path, str]:
    """The page and the module, by their paths in the checkout."""
    return {
        IMPORTING_PAGE: file_with(IMPORTING_PAGE, {"import": f"\n{import_table()}\n"}),
        PROTECTION: file_with(PROTECTION, {"protected": protected_types()}),
    }
