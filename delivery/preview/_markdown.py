"""Formats and escapes text for GitHub's Markdown."""

from __future__ import annotations

import re


def code(text: str) -> str:
    """A code span of ``text``, which may contain any character. Line breaks become spaces."""
    text = " ".join(text.split())
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    pad = " " if text.startswith("`") or text.endswith("`") or not text else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def fenced(text: str, language: str = "text") -> str:
    """A code block of ``text``. The fence is longer than every run of backticks in ``text``, so ``text`` cannot end the block."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}{language}\n{text}\n{fence}"


def folded(summary: str, text: str) -> str:
    """A section that is folded until the reader clicks on it."""
    return f"<details><summary>{escape(summary)}</summary>\n\n{text}\n\n</details>"


def escape(text: str) -> str:
    """``text`` as one line of plain text: no part of it becomes markup or a mention. GitHub still makes a link of a bare URL."""
    text = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]#|~])", r"\\\1", text).replace("@", "@\u200b")


def cell(text: str) -> str:
    """``text`` for a cell of a table. ``|`` is escaped, because it would end the cell even in a code span."""
    return re.sub(r"(?<!\\)\|", r"\\|", text)
