"""The definition of a rule: a pure function with a description."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from policies.limits import Environment, Limits
from policies.views import ResourceIndex, View

ENVIRONMENTS: Mapping[str, Environment] = {each: each for each in get_args(Environment)}
STRICTEST: Environment = "production"
"""The environment whose limits apply if the environment is not known."""

Severity = Literal["low", "medium", "high", "critical"]
Level = Literal["disabled", "advisory", "mandatory"]
Concern = Literal["network", "data", "identity", "cluster", "workload", "delivery", "cost", "tags", "docker", "types"]


@dataclass(frozen=True)
class Problem:
    """A violation that a rule finds: the property, the problem with its value, and the fix."""

    path: str
    """Dotted path of the property; empty if the problem is not about one property."""
    message: str
    fix: str
    """The correct value, or the action that fixes the problem."""


Check = Callable[[View, ResourceIndex, Limits], Iterator[Problem]]
"""A function of a resource (``view``), the resources of the stack (``index``) and the ``limits``, that yields problems."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Rule:
    """A requirement on resources: the function that checks it, its texts, and its level in each environment.

    A rule on a single resource runs before the engine creates or changes it. A rule that needs the ``whole`` graph runs after the
    registration of all resources.
    """

    name: str
    """Name in the form ``CONCERN-SUBJECT``. The engine, waivers and SARIF use the same name."""
    title: str
    """The condition that the rule requires."""
    why: str
    """The risk of a violation."""
    fix: str
    """The fix in general; the fix of a :class:`Problem` is about one property."""
    severity: Severity
    on: tuple[str, ...]
    """Type tokens of the resources that the rule checks; ``*`` stands for all types."""
    check: Check
    whole: bool
    """Whether the check reads other resources of the stack."""
    frameworks: tuple[str, ...] = ()
    """Sources with the same requirement, such as CIS benchmarks, AWS documentation and the original guide (``docs/guide.md``).

    The numbers of ``CIS AWS`` are those of the CIS AWS Foundations Benchmark v3.0.0.
    """
    deferred: frozenset[str] = frozenset()
    """Properties that may be unknown before creation. If one is unknown, the check is reported as deferred, and repeated during
    ``pulumi up``."""
    levels: Mapping[Environment, Level] = field(default_factory=dict[Environment, Level])
    """The level in each environment in which the rule is not mandatory."""
    parameters: tuple[str, ...] = ()
    """The fields of :class:`~policies.limits.Limits` that the rule reads."""

    @property
    def concern(self) -> str:
        """The concern of the rule: the first part of its name."""
        return self.name.partition("-")[0]

    def level(self, environment: Environment) -> Level:
        """The level in an environment; a pack config can replace it."""
        return self.levels.get(environment, "mandatory")

    def may_wait(self, path: str) -> bool:
        """Whether the property at the dotted ``path`` may be unknown before creation."""
        parts = [part.split("[")[0] for part in path.split(".")]
        return any(".".join(parts[: count + 1]) in self.deferred for count in range(len(parts)))


class Pack:
    """The rules of one module, in the order of their definition. Several modules can share a concern."""

    def __init__(self, concern: Concern) -> None:
        self.concern = concern
        self.rules: list[Rule] = []

    def rule(
        self, name: str, *on: str, title: str, why: str, fix: str, severity: Severity, **more: Any
    ) -> Callable[[Callable[..., Iterator[Problem]]], Rule]:
        """A decorator that creates a rule from a function, which declares only the parameters of :data:`Check` that it needs."""
        if name.partition("-")[0] != self.concern:
            raise ValueError(f"the rule {name!r} is not a rule of {self.concern}")

        def register(function: Callable[..., Iterator[Problem]]) -> Rule:
            names = frozenset(inspect.signature(function).parameters)

            def check(view: View, index: ResourceIndex, limits: Limits) -> Iterator[Problem]:
                given = {"view": view, "index": index, "limits": limits}
                return function(**{each: given[each] for each in names})

            texts = {"title": title, "why": why, "fix": fix, "severity": severity}
            rule = Rule(name=name, on=on, check=check, whole="index" in names, **texts, **more)
            self.rules.append(rule)
            return rule

        return register


def at(view: View, path: str, message: str, fix: str) -> Problem:
    """A problem with the property ``path`` of the object ``view``."""
    return Problem(path=view.where(path), message=message, fix=fix)
