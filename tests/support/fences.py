"""The fenced blocks of commands on pages. A block that the tests cannot run contains the reason in its title."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from recording import ROOT

DOCS = ROOT / "docs"
FENCE = re.compile(r"^(?P<indent> *)```bash(?P<info>[^\n]*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
TITLE = re.compile(r'title="not run by the tests: (?P<reason>[^"]{10,})"')


@dataclass(frozen=True)
class Fence:
    """One ``bash`` block of a page."""

    page: str
    number: int
    info: str
    text: str

    @property
    def reason(self) -> str:
        """The reason why the tests do not run the block; empty if the tests run it."""
        found = TITLE.search(self.info)
        return found["reason"] if found else ""

    def __str__(self) -> str:
        return f"{self.page}-{self.number}"


def pages() -> list[Path]:
    """The pages whose commands the tests run: the runbooks, and the pages on operation."""
    operation = [DOCS / f"{name}.md" for name in ("index", "doctor", "drift", "disaster", "importing", "upgrading")]
    return [*sorted((DOCS / "runbooks").glob("*.md")), *sorted((DOCS / "handbook").glob("*.md")), *operation]


def fences() -> list[Fence]:
    """All blocks of these pages, in order."""
    return [
        Fence(
            page=str(page.relative_to(DOCS).with_suffix("")),
            number=number,
            info=match["info"].strip(),
            text="".join(line.removeprefix(match["indent"]) for line in match["text"].splitlines(keepends=True)),
        )
        for page in pages()
        for number, match in enumerate(FENCE.finditer(page.read_text()), 1)
    ]
