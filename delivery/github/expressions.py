"""An evaluator of GitHub's expressions (``${{ ... }}`` and ``if:``), for the subset that the pipelines use.

Source: https://docs.github.com/en/actions/reference/workflows-and-actions/expressions
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from delivery.errors import DeliveryError

TOKEN = re.compile(r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<name>[A-Za-z_][\w-]*)|(?P<operator>==|!=|&&|\|\||[!().]))")
INSIDE = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
STATUS_FUNCTION = re.compile(r"\b(always|failure|success)\s*\(")


class ExpressionError(DeliveryError):
    """An expression is not valid or not supported."""


@dataclass(frozen=True, kw_only=True)
class Contexts:
    """The contexts of an expression (``github``, ``env``, ``needs``, ``steps``...), and the status of the job or run."""

    values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    failed: bool = False
    cancelled: bool = False
    """Whether the run was cancelled. A job or step with ``if: always()`` still runs."""
    skipped: bool = False
    """Whether a job in ``needs`` was skipped. A job whose ``if:`` has no status function is then skipped too."""

    @property
    def success(self) -> bool:
        """The result of the function ``success()``."""
        return not (self.failed or self.cancelled or self.skipped)


def value_of(text: str, contexts: Contexts) -> Any:
    """The value of an expression, with or without ``${{ }}``.

    A property that does not exist is empty, as on GitHub. An unknown context is empty too, although GitHub refuses it.
    """
    inner = INSIDE.fullmatch(text.strip())
    return _Parser(inner[1] if inner else text, contexts).value()


def condition(text: str | bool | None, contexts: Contexts) -> bool:
    """Whether a step or job with this ``if:`` runs. An ``if:`` without a :data:`STATUS_FUNCTION` requires ``success()`` too."""
    if text is None:
        return contexts.success
    source = str(text).lower() if isinstance(text, bool) else text
    return bool(value_of(source, contexts)) and (STATUS_FUNCTION.search(source) is not None or contexts.success)


def fill(text: Any, contexts: Contexts) -> str:
    """``text`` with every ``${{ }}`` replaced by its value."""
    return INSIDE.sub(lambda found: as_text(_Parser(found[1], contexts).value()), as_text(text))


def as_text(value: Any) -> str:
    """The text to which GitHub converts a value. A list or an object, which GitHub does not convert, becomes JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value)


class _Parser:
    """A recursive descent parser. The operators by precedence, lowest first: ``||``, ``&&``, comparisons, ``!``."""

    def __init__(self, text: str, contexts: Contexts) -> None:
        self._text = text
        self._contexts = contexts
        self._tokens = self._read()

    def _read(self) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        at = 0
        while self._text[at:].strip():
            match = TOKEN.match(self._text, at)
            if match is None:
                raise self._unsupported(self._text[at:].strip())
            found.append((match.lastgroup or "", match[match.lastgroup or 0].strip()))
            at = match.end()
        return found

    def _unsupported(self, where: str) -> ExpressionError:
        fix = "use only ==, !=, &&, ||, ! and the functions in delivery/github/expressions.py"
        return ExpressionError(f"the expression {self._text.strip()!r} is not valid or not supported at {where!r}", fix)

    def value(self) -> Any:
        found = self._disjunction()
        if self._tokens:
            raise self._unsupported(self._tokens[0][1])
        return found

    def _take(self, *wanted: str) -> str | None:
        if self._tokens and self._tokens[0][0] == "operator" and self._tokens[0][1] in wanted:
            return self._tokens.pop(0)[1]
        return None

    def _expect(self, operator: str) -> None:
        if not self._take(operator):
            raise self._unsupported(self._tokens[0][1] if self._tokens else "the end")

    def _disjunction(self) -> Any:
        found = self._conjunction()
        while self._take("||"):
            other = self._conjunction()
            found = found or other
        return found

    def _conjunction(self) -> Any:
        found = self._comparison()
        while self._take("&&"):
            other = self._comparison()
            found = other if found else found
        return found

    def _comparison(self) -> Any:
        found = self._operand()
        while operator := self._take("==", "!="):
            same = _same(found, self._operand())
            found = same if operator == "==" else not same
        return found

    def _operand(self) -> Any:
        if self._take("!"):
            return not self._operand()
        if self._take("("):
            found = self._disjunction()
            self._expect(")")
            return found
        kind, text = self._tokens.pop(0) if self._tokens else ("", "the end")
        if kind == "text":
            return text[1:-1].replace("''", "'")
        if kind != "name":
            raise self._unsupported(text)
        return self._function(text) if self._take("(") else self._variable(text)

    def _variable(self, name: str) -> Any:
        literals: dict[str, Any] = {"true": True, "false": False}
        found: Any = literals[name] if name in literals else self._contexts.values.get(name)
        while self._take("."):
            kind, key = self._tokens.pop(0) if self._tokens else ("", "the end")
            if kind != "name":
                raise self._unsupported(key)
            found = cast("dict[str, Any]", found).get(key) if isinstance(found, dict) else None
        return found

    def _function(self, name: str) -> Any:
        if name == "hashFiles":
            # Hash the pattern, not the files: workflows use the hash only in a cache's key, and as the condition of an upload. The
            # local runner has no cache and uploads nothing.
            pattern = as_text(self._operand())
            self._expect(")")
            return hashlib.sha256(pattern.encode()).hexdigest()
        statuses = {
            "always": True,
            "success": self._contexts.success,
            "failure": self._contexts.failed and not self._contexts.cancelled,
        }
        if name not in statuses:
            raise self._unsupported(f"{name}()")
        self._expect(")")
        return statuses[name]


def _same(left: Any, right: Any) -> bool:
    """Whether two values are equal as texts, ignoring case. Null equals the empty text."""
    return as_text(left).lower() == as_text(right).lower()
