"""Text as GitHub's Markdown shows it, whatever is in it."""

from __future__ import annotations

import re


def code(text: str) -> str:
    """A code span that holds ``text`` whatever it is made of."""
    text = " ".join(text.split())
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    pad = " " if text.startswith("`") or text.endswith("`") or not text else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def fenced(text: str, language: str = "text") -> str:
    """A code block that ``text`` cannot break out of."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}{language}\n{text}\n{fence}"


def folded(summary: str, text: str) -> str:
    """A part that opens by a click."""
    return f"<details><summary>{escape(summary)}</summary>\n\n{text}\n\n</details>"


def escape(text: str) -> str:
    """Plain text, so that no value makes markup, a link or a mention."""
    text = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]#|~])", r"\\\1", text).replace("@", "@\u200b")


def cell(text: str) -> str:
    """Text inside a table's cell, where even a code span ends at a bar."""
    return re.sub(r"(?<!\\)\|", r"\\|", text)
