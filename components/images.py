"""Image references, as far as names are made of them; pure Python, so that delivery can import it."""

from __future__ import annotations


def release_of(image: str) -> str:
    """The value of the label ``version``: an image's tag, or the start of its digest, in what a label may hold (63 characters)."""
    name, _, digest = image.partition("@sha256:")
    tag = name.rpartition("/")[2].partition(":")[2]
    return (tag or digest[:12])[:63].strip("-._")
