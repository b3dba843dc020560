"""IAM policy documents as rules read them."""

from __future__ import annotations

from typing import Any, cast

from policies.views import View


def statements(view: View, path: str) -> list[View]:
    """The statements of the document in a property; a lone one may stand without a list around it."""
    document = view.document(path)
    if isinstance(document.get("Statement"), list):
        return document.views("Statement")
    single = document.view("Statement")
    return [single] if list(single.items()) else []


def as_list(statement: View, key: str) -> list[str]:
    """The values of an element that may be one text or a list of them."""
    value: Any = statement.get(key)
    if value is None:
        return []
    return [value] if isinstance(value, str) else [str(item) for item in statement.values(key)]


def principals(statement: View) -> list[str]:
    """Everyone whom a statement names, without the kind."""
    value: Any = statement.get("Principal")
    if value is None or isinstance(value, str):
        return [value] if value else []
    named: list[str] = []
    for kind, _ in statement.view("Principal").items():
        one = statement.get(f"Principal.{kind}")
        named += [one] if isinstance(one, str) else cast("list[str]", statement.values(f"Principal.{kind}"))
    return named
