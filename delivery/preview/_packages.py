"""Packages whose versions a change alters: they run with the program, even if its graph does not change."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from delivery.preview.change import PackageChange

PINNED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?\s*(?:==|@|>=|~=|<)\s*([^\s;\\]+)", re.MULTILINE)


def compare(base: Path, head: Path) -> tuple[PackageChange, ...]:
    """The differences between the packages of two checkouts; a package that both files name is listed once."""
    found: dict[str, PackageChange] = {}
    for file, versions in READERS.items():
        before, after = versions(base / file), versions(head / file)
        for name in sorted(before.keys() | after.keys()):
            if before.get(name) != after.get(name) and name not in found:
                change = PackageChange(file=file, name=name, before=before.get(name, ""), after=after.get(name, ""))
                found[name] = change
    return tuple(found.values())


def _requirements(file: Path) -> Mapping[str, str]:
    if not file.exists():
        return {}
    return {_normal(name): version for name, version in PINNED.findall(file.read_text(errors="replace"))}


def _lock(file: Path) -> Mapping[str, str]:
    if not file.exists():
        return {}
    try:
        content: dict[str, Any] = tomllib.loads(file.read_text(errors="replace"))
    except tomllib.TOMLDecodeError:
        return {"uv.lock": "is not valid TOML"}
    return {_normal(str(each.get("name"))): str(each.get("version", "")) for each in content.get("package", [])}


def _normal(name: str) -> str:
    """A name normalised as in https://packaging.python.org/en/latest/specifications/name-normalization/."""
    return re.sub(r"[-_.]+", "-", name).lower()


READERS: Mapping[str, Callable[[Path], Mapping[str, str]]] = {"requirements.txt": _requirements, "uv.lock": _lock}
