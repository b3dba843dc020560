"""The limits of the platform: pure rules by concern, and what runs them.

The same rules judge what the program declares (:func:`check`), what the engine is about to do (:mod:`policies.engine`, by
``pulumi up --policy-pack policies``) and what is deployed (:mod:`policies.state`). For others, this is the interface::

    findings = policies.check(graph.resources, "production")
    stop = [finding for finding in findings if finding.blocks]

``check`` takes :class:`delivery.graph.Resource` objects, or anything with their fields, and the environment whose limits hold. It
returns :class:`Finding` objects, those that block first: ``rule``, ``severity``, ``level``, ``urn``, ``path``, ``message``, ``fix``
and ``status`` (``failed``, ``unknown``, ``deferred`` or ``waived``). It needs neither ``pulumi_policy`` nor a provider's SDK.
"""

from __future__ import annotations

from collections.abc import Iterable

from policies.config import Config, config_of
from policies.errors import PolicyError
from policies.findings import Finding, evaluate
from policies.model import ResourceLike
from policies.rule import Environment, Rule
from policies.rules import RULES
from policies.waivers import read_waivers

__all__ = ["RULES", "Config", "Environment", "Finding", "PolicyError", "Rule", "check"]


def check(resources: Iterable[ResourceLike], environment: Environment, config: Config | None = None) -> list[Finding]:
    """What the rules have to say about ``resources``, with the environment's own limits and waivers unless ``config`` is given.

    Raises :class:`PolicyError` for a waiver that is wrong; a rule that fails is a finding.
    """
    names = {rule.name for rule in RULES}
    return evaluate(resources, RULES, config or config_of(environment, waivers=read_waivers(names)))
