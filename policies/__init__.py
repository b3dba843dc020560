"""The policies of the platform: rules as pure functions, grouped by concern, and the code that runs them.

The same rules check the resources that the program declares (:func:`check`), the resources of an update before the engine changes
them (:mod:`policies.pack`, with ``pulumi up --policy-pack policies``) and the deployed resources (:mod:`policies.exported_state`).
Other packages use this package as follows::

    violations = policies.check(graph.resources, "production")
    stop = [violation for violation in violations if violation.blocks]

:func:`estimate` returns the monthly estimate of :mod:`policies.prices`; :func:`unpriced` lists the types and resources that the
estimate does not include.

``check`` takes :class:`program.graph.Resource` objects and the environment whose limits apply. It returns :class:`Violation`
objects; those that block a deployment are first. This module imports neither ``pulumi_policy`` nor the SDK of a provider.
"""

from __future__ import annotations

from collections.abc import Iterable

from policies.config import Config, config_of
from policies.errors import PolicyError
from policies.prices import CostItem, estimate_of, unpriced_types
from policies.rule import ENVIRONMENTS, STRICTEST, Environment, Rule
from policies.rules import RULES
from policies.rules.tags import environment_tag
from policies.views import ResourceIndex
from policies.violations import Violation, evaluate, ranked
from policies.waivers import read_waivers
from program.graph import Resource
from program.types import AWS_PROVIDER

__all__ = [
    "RULES",
    "Config",
    "CostItem",
    "Environment",
    "PolicyError",
    "Rule",
    "Violation",
    "check",
    "check_worlds",
    "environment_of",
    "estimate",
    "unpriced",
    "unsized",
]


def check(resources: Iterable[Resource], environment: Environment, config: Config | None = None) -> list[Violation]:
    """The violations that the rules find in ``resources``.

    By default, the limits of ``environment`` and the waivers of this checkout apply; ``config`` replaces both.
    Raises :class:`PolicyError` if a waiver is not valid. An exception in a rule is reported as a violation.
    """
    names = {rule.name for rule in RULES}
    return evaluate(resources, RULES, config or config_of(environment, waivers=read_waivers(names)))


def check_worlds(
    known: Iterable[Resource], unknown: Iterable[Resource], environment: Environment, config: Config | None = None
) -> list[Violation]:
    """The violations of a program that was evaluated twice.

    In ``known``, the value of each output is an example. In ``unknown``, the outputs are unknown.

    In ``unknown``, a rule that reads an output cannot be evaluated, and its check is reported as unknown or as deferred
    (:class:`Violation`). In ``known``, the same check uses the example. If it fails there, this failure is reported instead of the
    deferred check, because the program itself writes most of a text that contains an output, such as an IAM policy with an ARN. If
    it passes there, it stays unknown or deferred, because the value is only an example.
    """
    first = check(unknown, environment, config)
    with_examples = [each for each in check(known, environment, config) if each.status in ("failed", "unknown", "waived")]
    reported = {(each.rule, each.urn) for each in with_examples}
    kept = [each for each in first if each.status != "deferred" or (each.rule, each.urn) not in reported]
    seen = {(each.rule, each.urn, each.path, each.message) for each in kept}
    unknown_before = {(each.rule, each.urn) for each in kept if each.status == "unknown"}
    return ranked(
        [
            *kept,
            *(
                each
                for each in with_examples
                if (each.rule, each.urn, each.path, each.message) not in seen
                and not (each.status == "unknown" and (each.rule, each.urn) in unknown_before)
            ),
        ]
    )


def environment_of(stack: str, resources: Iterable[Resource] = ()) -> Environment:
    """The environment whose limits apply to a stack: by the stack's name, else by its providers' tags, else production.

    If a stack has the name of an environment, the tags are ignored, because a tag could select less strict limits.
    """
    for name in (stack, *(environment_tag(view) for view in ResourceIndex(resources).of(AWS_PROVIDER))):
        if name in ENVIRONMENTS:
            return ENVIRONMENTS[name]
    return STRICTEST


def estimate(resources: Iterable[Resource]) -> list[CostItem]:
    """The items of the monthly estimate, without resources whose size is not known yet (:func:`unsized`)."""
    return estimate_of(ResourceIndex(resources)).items


def unsized(resources: Iterable[Resource]) -> list[str]:
    """URNs of the billed resources whose size is not known yet; the estimate does not include these resources."""
    return list(estimate_of(ResourceIndex(resources)).unknown)


def unpriced(resources: Iterable[Resource]) -> list[str]:
    """The types, charts and instance types without a price, and resources of unknown size. The estimate does not include these."""
    index = ResourceIndex(resources)
    names = [urn.rpartition("::")[2] for urn in estimate_of(index).unknown]
    return [*unpriced_types(index), *(f"{name}, whose size is not known" for name in names)]
