"""The rules as a policy pack of the engine: one CrossGuard policy per rule, and two that report about the run itself.

The SDK hands a policy proxies that raise at an unknown value, and turns that into an advisory note without a resource: a mandatory
rule that could not be evaluated would pass. So every property is unwrapped first, and the rules' own verdict on what is unknown
counts. Nothing here imports a provider's SDK: that would cost each preview seconds.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import pulumi
from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyComplianceFramework,
    PolicyConfigSchema,
    PolicyPack,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy import Severity as EngineSeverity
from pydantic.alias_generators import to_camel

from policies.config import Config, config_of, parameter_schema, with_pack_config
from policies.errors import PolicyError
from policies.findings import WAIVER_RULE, Finding, applies, found_with_waivers, judge, waiver_findings
from policies.model import Graph, Resource
from policies.names import with_names
from policies.rule import ENVIRONMENTS, STRICTEST, Environment, Rule
from policies.rules import RULES
from policies.waivers import read_waivers

PACK = "dwcp-v3"
DEFERRED_RULE = "checked-after-up"
"""Name of the policy that lists what waits for ``up`` and what is waived."""


def serve() -> None:
    """Be the pack until the engine ends it; what is wrong with its own files is said on standard error, and it exits with 1."""
    try:
        config = config_of(environment_of_stack(), waivers=read_waivers({rule.name for rule in RULES}))
        policies = Pack(config, RULES).policies()
    except PolicyError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    PolicyPack(name=PACK, enforcement_level=EnforcementLevel.MANDATORY, policies=policies)


def environment_of_stack() -> Environment:
    """The environment by the stack's own configuration, else by its name, else the strictest."""
    settings: Any = pulumi.Config(PACK).get_object("environment")
    name: Any = cast("dict[str, Any]", settings).get("name") if isinstance(settings, dict) else None
    return ENVIRONMENTS.get(name or pulumi.get_stack(), STRICTEST)


class Pack:
    """The rules, with what they found so far that is no violation."""

    def __init__(self, config: Config, rules: Sequence[Rule]) -> None:
        self.config = config
        self.rules = rules
        self.noted: list[Finding] = []

    def policies(self) -> list[Policy]:
        """One policy per rule, in their order, then those about the run."""
        return [
            *(self._on_stack(rule) if rule.whole else self._on_resource(rule) for rule in self.rules),
            StackValidationPolicy(
                name=WAIVER_RULE,
                description="Every waiver is in force",
                validate=self._report_waivers,
                enforcement_level=EnforcementLevel.MANDATORY,
            ),
            StackValidationPolicy(
                name=DEFERRED_RULE,
                description="What is not judged yet, or accepted",
                validate=self._report_noted,
                enforcement_level=EnforcementLevel.ADVISORY,
            ),
        ]

    def _on_resource(self, rule: Rule) -> Policy:
        def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
            if applies(rule, args.resource_type):
                resource = _resource(args)
                self._run(rule, [resource], Graph([resource]), args.get_config(), report)

        return ResourceValidationPolicy(validate=validate, **self._metadata(rule))

    def _on_stack(self, rule: Rule) -> Policy:
        def validate(args: StackValidationArgs, report: ReportViolation) -> None:
            graph = Graph(with_names([_resource(each) for each in args.resources]))
            judged = [each for each in graph.resources if applies(rule, each.type)]
            self._run(rule, cast("list[Resource]", judged), graph, args.get_config(), report)

        return StackValidationPolicy(validate=validate, **self._metadata(rule))

    def _metadata(self, rule: Rule) -> dict[str, Any]:
        parameters = {to_camel(each): parameter_schema()[to_camel(each)] for each in rule.parameters}
        return {
            "name": rule.name,
            "description": rule.title,
            "enforcement_level": EnforcementLevel(self.config.level(rule)),
            "severity": EngineSeverity(rule.severity),
            "config_schema": PolicyConfigSchema(parameters) if parameters else None,
            "framework": PolicyComplianceFramework(name=rule.frameworks[0], specification="; ".join(rule.frameworks)),
            "tags": [rule.concern],
            "remediation_steps": rule.fix,
            "url": f"docs/policies.md#{rule.name}",
        }

    def _run(
        self, rule: Rule, resources: Iterable[Resource], graph: Graph, given: Mapping[str, Any], report: ReportViolation
    ) -> None:
        try:
            config = with_pack_config(self.config, {rule.name: given}, [rule]) if given else self.config
        except PolicyError as error:
            report(str(error), None)
            return
        for resource in resources:
            for finding in found_with_waivers(judge(rule, resource, graph, config), config):
                if finding.status in ("failed", "unknown"):
                    report(in_words(finding), finding.urn)
                else:
                    self.noted.append(finding)

    def _report_waivers(self, args: StackValidationArgs, report: ReportViolation) -> None:
        del args
        for finding in waiver_findings(self.config):
            report(in_words(finding), None)

    def _report_noted(self, args: StackValidationArgs, report: ReportViolation) -> None:
        """Once per run, and the run's notes begin anew: the engine may use one pack for preview and update."""
        del args
        deferred = Counter((each.rule, each.path) for each in self.noted if each.status == "deferred")
        lines = [f"{rule}: {count} checks of {path} wait for up" for (rule, path), count in sorted(deferred.items())]
        lines += [f"{each.rule}: {each.resource}: {each.message}; {each.fix}" for each in self.noted if each.status == "waived"]
        self.noted.clear()
        if lines:
            report("\n".join(lines), None)


def in_words(finding: Finding) -> str:
    """A finding as the engine shows it, beside the name of the resource."""
    place = f"{finding.path}: " if finding.path else ""
    return f"{place}{finding.message}\nfix: {finding.fix}"


def _resource(args: ResourceValidationArgs | PolicyResource) -> Resource:
    depends = args.property_dependencies if isinstance(args, PolicyResource) else {}
    return Resource(
        urn=args.urn,
        type=args.resource_type,
        name=args.name,
        inputs=plain(args.props),
        parent=args.opts.parent or "",
        provider=args.provider.urn if args.provider else "",
        property_dependencies={key: tuple(each.urn for each in sources) for key, sources in depends.items() if sources},
        ignore_changes=tuple(args.opts.ignore_changes),
    )


def plain(value: Any) -> Any:
    """A value without the SDK's proxies, which raise at what is unknown; whole numbers as such."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, Mapping):
        items = cast("dict[str, Any]", value if isinstance(value, dict) else cast(Any, value)["__target"])
        return {key: plain(item) for key, item in items.items()}
    if isinstance(value, Sequence):
        items = cast("list[Any]", value if isinstance(value, list) else cast(Any, value)["__target"])
        return [plain(item) for item in items]
    return value
