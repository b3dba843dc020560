"""The objects of a bucket that are deleted earlier because of a change of its lifecycle rules."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from program.protocol import UNKNOWNS

NEVER = 10**9
_SIZES = ("objectSizeGreaterThan", "objectSizeLessThan")


@dataclass(frozen=True, kw_only=True)
class Expiry:
    """One expiration of an enabled lifecycle rule: the objects or noncurrent versions that the rule deletes, and when."""

    target: str
    """``objects`` or ``noncurrent versions``."""
    prefix: str
    conditions: frozenset[str]
    """The tags and the size limits that an object must match, each as JSON."""
    days: int = NEVER
    date: str = ""
    kept: int = 0
    """How many of an object's newest noncurrent versions are never deleted (S3: ``NewerNoncurrentVersions``)."""

    def includes(self, other: Expiry) -> bool:
        """Whether this expiration deletes everything that ``other`` deletes, and at the same time or earlier."""
        in_scope = other.prefix.startswith(self.prefix) and self.conditions <= other.conditions
        earlier = self.date <= other.date if self.date and other.date else self.days <= other.days and not other.date
        return self.target == other.target and in_scope and earlier and self.kept <= other.kept

    def __str__(self) -> str:
        """The text, for example ``objects under logs/ older than 7 days``."""
        scope = f" under {self.prefix}" if self.prefix else ""
        if self.date:
            return f"all {self.target}{scope} on {self.date}"
        kept = f", except for the newest {self.kept}" if self.kept else ""
        return f"{self.target}{scope} older than {self.days} days{kept}"


def deleted_earlier(before: Any, after: Any) -> str:
    """The objects, as text, that the rules ``after`` delete, but that the rules ``before`` delete later or not at all."""
    known = list(_expiries(before))
    return ", ".join(str(each) for each in _expiries(after) if not any(one.includes(each) for one in known))


def _expiries(rules: Any) -> Iterator[Expiry]:
    for rule in cast("list[Any]", rules) if isinstance(rules, list) else []:
        if not isinstance(rule, dict) or cast("dict[str, Any]", rule).get("status", "Enabled") != "Enabled":
            continue
        given = cast("dict[str, Any]", rule)
        prefix, conditions = _scope(given)
        scope: dict[str, Any] = {"prefix": prefix, "conditions": conditions}
        expiration, old = _object(given.get("expiration")), _object(given.get("noncurrentVersionExpiration"))
        if (days := _whole(expiration.get("days"))) is not None:
            yield Expiry(target="objects", days=days, **scope)
        if date := expiration.get("date"):
            yield Expiry(target="objects", date=str(date), **scope)
        if (days := _whole(old.get("noncurrentDays"))) is not None:
            kept = _whole(old.get("newerNoncurrentVersions")) or 0
            yield Expiry(target="noncurrent versions", days=days, kept=kept, **scope)


def _scope(rule: dict[str, Any]) -> tuple[str, frozenset[str]]:
    """The prefix and the other conditions of a rule, from each place in which S3 accepts them."""
    filter_ = _object(rule.get("filter"))
    places = [rule, filter_, _object(filter_.get("and"))]
    prefix = next((str(each["prefix"]) for each in places if each.get("prefix")), "")
    found: list[Any] = [(key, each[key]) for each in places for key in _SIZES if each.get(key)]
    for each in places:
        tag = _object(each.get("tag"))
        found += [*({tag["key"]: tag.get("value")} if "key" in tag else {}).items(), *_object(each.get("tags")).items()]
    return prefix, frozenset(json.dumps(each, sort_keys=True, default=str) for each in found)


def _object(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _whole(value: Any) -> int | None:
    """``value`` as ``int``; ``None`` for 0, for a value that is not a number, and for a value that is not known yet."""
    if value in UNKNOWNS:
        return None
    try:
        return int(value) or None
    except (TypeError, ValueError):
        return None
