"""Consoles and tables without truncation, and pictures of their output for the documentation."""

from __future__ import annotations

import atexit
import os
import re
from pathlib import Path
from typing import Any, cast

VARIABLE = "DWCP_SCREEN"
"""Environment variable with the name of a file. At its end, the process saves the output of its console to this file as SVG."""
COLUMNS = 100
WIDE = 10_000
"""Number of columns without a terminal, so that a table in a pipe or a file is as wide as its content."""


def console(**options: Any) -> Any:
    """A console that truncates nothing: a terminal wraps long lines, and a pipe or file gets them in full."""
    from rich.console import Console

    class Recorded(Console):
        """A console that wraps lines itself, because a picture has no terminal that wraps them."""

        def print(self, *objects: Any, **options: Any) -> None:
            super().print(*objects, **cast("Any", {**options, "soft_wrap": False}))

    options = {"highlight": False, **options}
    if file := os.environ.get(VARIABLE):
        recorded = Recorded(record=True, width=COLUMNS, **options)
        atexit.register(_save, recorded, Path(file))
        return recorded
    found = Console(**options)
    return found if found.is_terminal else Console(width=WIDE, **options)


def table(*columns: str, **options: Any) -> Any:
    """A table whose cells wrap at the end of their column, without truncation."""
    from rich.table import Table

    made = Table(**options)
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def _save(recorded: Any, file: Path) -> None:
    svg: str = recorded.export_svg(title=file.stem.replace("-", " "))
    file.write_text(re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL))  # a browser would load the fonts from another host
