"""Consoles and tables that cut nothing, and whose screen can be kept as a picture for the documentation."""

from __future__ import annotations

import atexit
import os
import re
from pathlib import Path
from typing import Any, cast

VARIABLE = "DWCP_SCREEN"
"""A file: what this process prints for people is saved there as SVG when it ends."""
COLUMNS = 100
WIDE = 10_000
"""Columns where no terminal says how many it has: a table in a pipe or a file is as wide as what is in it."""


def console(**how: Any) -> Any:
    """A console on which nothing is cut off: a terminal folds what is too wide, elsewhere a line is as long as it needs."""
    from rich.console import Console

    class Recorded(Console):
        """A picture has no terminal that would fold its lines."""

        def print(self, *objects: Any, **how: Any) -> None:
            super().print(*objects, **cast("Any", {**how, "soft_wrap": False}))

    how = {"highlight": False, **how}
    if file := os.environ.get(VARIABLE):
        recorded = Recorded(record=True, width=COLUMNS, **how)
        atexit.register(_save, recorded, Path(file))
        return recorded
    found = Console(**how)
    return found if found.is_terminal else Console(width=WIDE, **how)


def table(*columns: str, **how: Any) -> Any:
    """A table whose cells fold at the end of their column and lose nothing."""
    from rich.table import Table

    made = Table(**how)
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def _save(recorded: Any, file: Path) -> None:
    svg: str = recorded.export_svg(title=file.stem.replace("-", " "))
    file.write_text(re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL))  # fonts would be fetched from another host
