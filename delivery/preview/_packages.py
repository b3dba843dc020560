"""Compares the packages of two checkouts.

The code of a package runs with the program. So a changed package is worth a review even if the program's graph does not change.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from delivery.preview.change import PackageChange


@dataclass(frozen=True)
class _Package:
    """The properties that determine which files are installed for a package name."""

    version: str
    source: str = ""
    hashes: frozenset[str] = frozenset()


NOTHING: frozenset[_Package] = frozenset()


def compare(base: Path, head: Path) -> tuple[PackageChange, ...]:
    """The differences between the packages of two checkouts. A package in both files of ``READERS`` is listed once."""
    found: dict[str, PackageChange] = {}
    for file, read in READERS.items():
        before, after = (_by_name(read(side / file) if (side / file).exists() else iter(())) for side in (base, head))
        for name in sorted(before.keys() | after.keys()):
            left, right = before.get(name, NOTHING), after.get(name, NOTHING)
            if left != right and name not in found:
                found[name] = PackageChange(file=file, name=name, before=_described(left, right), after=_described(right, left))
    return tuple(found.values())


def _by_name(packages: Iterator[tuple[str, _Package]]) -> Mapping[str, frozenset[_Package]]:
    """The packages by name. A name can have several packages, for example one version per platform."""
    found: dict[str, frozenset[_Package]] = {}
    for name, package in packages:
        found[name] = found.get(name, frozenset()) | {package}
    return found


def _described(packages: frozenset[_Package], others: frozenset[_Package]) -> str:
    """The versions in ``packages`` as text.

    If ``others`` has the same versions, the text also contains the sources. If the sources are the same too, the text also contains
    the first hash that ``others`` does not have, and the number of further ones; without such a hash, it contains "fewer hashes".
    """

    def with_source(side: frozenset[_Package]) -> list[str]:
        return sorted(f"{each.version} from {each.source}" if each.source else each.version for each in side)

    versions, theirs = (sorted({each.version for each in side}) for side in (packages, others))
    if versions == theirs:
        versions = with_source(packages)
        if versions == with_source(others):
            only = sorted(_hashes(packages) - _hashes(others))
            more = f" and {len(only) - 1} more" if len(only) > 1 else ""
            versions.append(f"hashes {only[0]}{more}" if only else "fewer hashes")
    return ", ".join(versions)


def _hashes(packages: frozenset[_Package]) -> set[str]:
    return {each for package in packages for each in package.hashes}


def _requirements(file: Path) -> Iterator[tuple[str, _Package]]:
    """Yield the name and package of each requirement. For any other line, such as an index URL, the name is the line itself."""
    text = re.sub(r"\\\r?\n", " ", file.read_text(errors="replace"))
    for line in text.splitlines():
        given, *hashes = re.split(r"\s+--hash[= ]", re.sub(r"(^|\s)#.*", "", line).strip())
        if not given:
            continue
        try:
            parsed = Requirement(given)
        except InvalidRequirement:
            yield given, _Package("listed")
            continue
        version = re.sub(r"^==(?!.*,)", "", str(parsed.specifier)) or ("" if parsed.url else "any version")
        marker = f"; {parsed.marker}" if parsed.marker else ""
        name = f"{canonicalize_name(parsed.name)}{sorted(parsed.extras) if parsed.extras else ''}"
        yield name, _Package(f"{version or parsed.url}{marker}", hashes=frozenset(each.strip() for each in hashes))


def _lock(file: Path) -> Iterator[tuple[str, _Package]]:
    try:
        content: dict[str, Any] = tomllib.loads(file.read_text(errors="replace"))
    except tomllib.TOMLDecodeError:
        yield file.name, _Package("not valid TOML")
        return
    for each in content.get("package", []):
        source = " ".join(f"{kind} {place}" for kind, place in sorted(each.get("source", {}).items()))
        files = [each.get("sdist", {}), *each.get("wheels", [])]
        hashes = frozenset(str(one["hash"]) for one in files if "hash" in one)
        yield canonicalize_name(str(each.get("name"))), _Package(str(each.get("version", "")), source, hashes)


READERS: Mapping[str, Callable[[Path], Iterator[tuple[str, _Package]]]] = {"requirements.txt": _requirements, "uv.lock": _lock}
