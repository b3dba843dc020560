"""GitHub's expressions (``${{ ... }}`` and ``if:``), as far as the pipelines use them.

Source: https://docs.github.com/en/actions/reference/workflows-and-actions/expressions
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from delivery.errors import DeliveryError

TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?)|(?P<name>[A-Za-z_][\w-]*)|(?P<operator>==|!=|&&|\|\||[!().,\[\]*]))"
)
INSIDE = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)


class ExpressionError(DeliveryError):
    """An expression that GitHub, or this subset of it, does not understand."""


@dataclass(frozen=True, kw_only=True)
class Contexts:
    """What expressions can see: ``github``, ``env``, ``matrix``, ``needs``, ``steps``..., and how the job stands."""

    values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    failed: bool = False


def evaluate(text: str, contexts: Contexts) -> Any:
    """The value of an expression, written with or without ``${{ }}``. What is not known is empty, as on GitHub."""
    inner = INSIDE.fullmatch(text.strip())
    return _Parser(inner[1] if inner else text, contexts).value()


def condition(text: str | bool | None, contexts: Contexts) -> bool:
    """Whether a step or job with this ``if:`` runs; unless it asks for the status itself, only while all is well."""
    if text is None:
        return not contexts.failed
    source = str(text).lower() if isinstance(text, bool) else text
    asks = re.search(r"\b(always|failure|success|cancelled)\s*\(", source)
    return bool(evaluate(source, contexts)) and (bool(asks) or not contexts.failed)


def fill(text: Any, contexts: Contexts) -> str:
    """``text`` with every ``${{ }}`` replaced by its value."""
    return INSIDE.sub(lambda found: as_text(_Parser(found[1], contexts).value()), as_text(text))


def as_text(value: Any) -> str:
    """A value as GitHub puts it into a text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value) if isinstance(value, dict | list) else str(value)


class _Parser:
    """Recursive descent: ``or`` of ``and`` of comparisons of values."""

    def __init__(self, text: str, contexts: Contexts) -> None:
        self._text = text
        self._contexts = contexts
        self._tokens = list(self._read())

    def _read(self) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        at = 0
        while self._text[at:].strip():
            match = TOKEN.match(self._text, at)
            if match is None:
                raise ExpressionError(f"the expression {self._text.strip()!r} is not understood at {self._text[at:].strip()!r}")
            kind = match.lastgroup or ""
            found.append((kind, match[kind]))
            at = match.end()
        return found

    def value(self) -> Any:
        found = self._either()
        if self._tokens:
            raise ExpressionError(f"the expression {self._text.strip()!r} is not understood at {self._tokens[0][1]!r}")
        return found

    def _take(self, *wanted: str) -> str | None:
        if self._tokens and self._tokens[0][0] == "operator" and self._tokens[0][1] in wanted:
            return self._tokens.pop(0)[1]
        return None

    def _either(self) -> Any:
        found = self._both()
        while self._take("||"):
            other = self._both()
            found = found or other
        return found

    def _both(self) -> Any:
        found = self._comparison()
        while self._take("&&"):
            other = self._comparison()
            found = other if found else found
        return found

    def _comparison(self) -> Any:
        found = self._single()
        while operator := self._take("==", "!="):
            same = _same(found, self._single())
            found = same if operator == "==" else not same
        return found

    def _single(self) -> Any:
        if self._take("!"):
            return not self._single()
        if self._take("("):
            found = self._either()
            self._expect(")")
            return found
        if not self._tokens:
            raise ExpressionError(f"the expression {self._text.strip()!r} ends too early")
        kind, text = self._tokens.pop(0)
        if kind == "text":
            return text[1:-1].replace("''", "'")
        if kind == "number":
            return float(text) if "." in text else int(text)
        if kind != "name":
            raise ExpressionError(f"the expression {self._text.strip()!r} is not understood at {text!r}")
        return self._called(text) if self._take("(") else self._looked_up(text)

    def _expect(self, operator: str) -> None:
        if not self._take(operator):
            raise ExpressionError(f"the expression {self._text.strip()!r} lacks a {operator!r}")

    def _looked_up(self, name: str) -> Any:
        literals: dict[str, Any] = {"true": True, "false": False, "null": None}
        found: Any = literals[name] if name in literals else self._contexts.values.get(name)
        while True:
            if self._take("."):
                key: Any = "*" if self._take("*") else self._tokens.pop(0)[1]
            elif self._take("["):
                key = self._either()
                self._expect("]")
            else:
                return found
            found = _inside(found, key)

    def _called(self, name: str) -> Any:
        arguments: list[Any] = []
        while not self._take(")"):
            arguments.append(self._either())
            if not self._take(","):
                self._expect(")")
                break
        functions: dict[str, Callable[..., Any]] = {
            "always": lambda: True,
            "cancelled": lambda: False,
            "success": lambda: not self._contexts.failed,
            "failure": lambda: self._contexts.failed,
            "startsWith": _starts_with,
            "endsWith": _ends_with,
            "contains": _contains,
            "format": _format,
            "toJSON": json.dumps,
            "fromJSON": json.loads,
        }
        if name not in functions:
            raise ExpressionError(f"the expression {self._text.strip()!r} calls {name}(), which is not known here")
        return functions[name](*arguments)


def _inside(value: Any, key: Any) -> Any:
    if key == "*":
        return list(cast("dict[str, Any]", value).values()) if isinstance(value, dict) else value
    if isinstance(value, dict):
        return cast("dict[Any, Any]", value).get(key)
    if isinstance(value, list):
        items = cast("list[Any]", value)
        return [_inside(item, key) for item in items] if isinstance(key, str) else items[key]
    return None


def _same(left: Any, right: Any) -> bool:
    """Texts are compared without their case, and anything with a number as a number."""
    if isinstance(left, str) and isinstance(right, str):
        return left.lower() == right.lower()
    return (left or "") == (right or "") if left is None or right is None else left == right


def _starts_with(text: Any, start: Any) -> bool:
    return as_text(text).lower().startswith(as_text(start).lower())


def _ends_with(text: Any, end: Any) -> bool:
    return as_text(text).lower().endswith(as_text(end).lower())


def _format(text: str, *values: Any) -> str:
    return re.sub(r"\{(\d+)\}", lambda found: as_text(values[int(found[1])]), text)


def _contains(where: Any, what: Any) -> bool:
    if isinstance(where, list):
        return any(_same(item, what) for item in cast("list[Any]", where))
    return as_text(what).lower() in as_text(where).lower()
