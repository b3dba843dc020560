"""A rule that reports resources of types that no rule checks."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from policies.rule import Pack, Problem, at
from policies.views import View
from program.catalogue import reviewed

PACK = Pack("types")

PREFIXES = ("dwcp:", "pulumi:pulumi:Stack")
"""Prefixes of types that no provider manages: components and the stack."""


@PACK.rule(
    "types-known",
    "*",
    title="Every resource is of a type that the rules know",
    why="The rules cannot detect what a resource of an unknown type exposes, loses or costs.",
    fix="Write a rule for the type, or state in its entry in `program/catalogue` why the type needs no rule (`reviewed`).",
    severity="high",
    levels={"local": "advisory", "staging": "advisory"},
)
def known(view: View) -> Iterator[Problem]:
    """Yield a problem for a type that no rule names and that the catalogue does not list as reviewed."""
    type_ = view.resource.type
    managed = type_.count(":") == 2 and not type_.startswith(PREFIXES)
    if managed and type_ not in named_by_rules() and not reviewed(type_):
        yield at(view, "", f"no rule knows {type_}", "write a rule for the type, or state in program/catalogue why it needs none")


@cache
def named_by_rules() -> frozenset[str]:
    """The type tokens that the rules name."""
    from policies.rules import RULES  # imported here because RULES contains this module's rule

    return frozenset(type_ for rule in RULES for type_ in rule.on) - {"*"}
