"""A rule that reports resources of types that no rule checks."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from policies.known_types import is_known
from policies.limits import Limits
from policies.rule import Pack, Problem, at
from policies.views import View

PACK = Pack("types")


@PACK.resource(
    "types-known",
    "*",
    title="Every resource is of a type that the rules know",
    why="A resource of an unknown type passes every rule, whatever it exposes, loses or costs.",
    fix="Write a rule for the type, or add it to `policies/known_types.py` with the reason why it needs none.",
    severity="high",
    levels={"local": "advisory", "staging": "advisory"},
)
def known(view: View, limits: Limits) -> Iterator[Problem]:
    """Yield a problem for a type that no rule names and that is not in ``policies.known_types``."""
    del limits
    if not is_known(view.resource.type, named_by_rules()):
        yield at(view, "", f"no rule knows {view.resource.type}", "write a rule for it, or list it in policies/known_types.py")


@cache
def named_by_rules() -> frozenset[str]:
    """The type tokens that the rules name."""
    from policies.rules import RULES  # imported here because RULES contains this module's rule

    return frozenset(type_ for rule in RULES for type_ in rule.on) - {"*"}
