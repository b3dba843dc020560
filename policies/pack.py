"""The rules as a policy pack for the engine: one CrossGuard policy per rule, and two more policies.

One of the two policies reports expired waivers. The other lists waived violations, and deferred checks, which run during
``pulumi up``.

The pack declares its policies with the SDK, but overrides the methods with which the SDK's server checks resources (reason:
:mod:`policies._sdk`). The pack's methods decode each resource once per request, and the rules handle unknown values. The module
does not import the SDK of a provider, because the import would add seconds to each preview.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, cast

import grpc
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc
from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyComplianceFramework,
    PolicyConfigSchema,
    ResourceValidationPolicy,
    StackValidationPolicy,
)
from pulumi_policy import Severity as EngineSeverity
from pydantic.alias_generators import to_camel

from contract import PROJECT
from policies import credentials
from policies._sdk import AnalyzerServer, properties
from policies.config import config_of, parameter_schema, with_pack_config
from policies.errors import PolicyError
from policies.names import with_names
from policies.rule import ENVIRONMENTS, STRICTEST, Environment, Rule
from policies.rules import RULES
from policies.views import ResourceIndex
from policies.violations import WAIVER_RULE, Violation, check_rule, found_with_waivers, waiver_violations
from policies.waivers import Waiver, read_waivers
from program.graph import Resource
from program.normal_form import normal

PACK_NAME = PROJECT
DEFERRED_RULE = "checked-after-up"
"""Name of the policy that reports deferred checks and waived violations."""

FindViolations = Callable[[ResourceIndex, Mapping[str, Any]], Iterable[tuple[str, str]]]
"""A function that returns the violations of one policy, each as a message and a URN, which can be ``""``.

Its arguments are the resources and the parameters of a pack config.
"""


def serve() -> None:
    """Serve the pack until the engine ends this process. If ``waivers.yaml`` is not valid, print an error and exit with code 1."""
    try:
        analyzer = Analyzer(read_waivers({rule.name for rule in RULES}))
    except PolicyError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    server = grpc.server(ThreadPoolExecutor(), options=[("grpc.max_receive_message_length", -1)])
    analyzer_pb2_grpc.add_AnalyzerServicer_to_server(analyzer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)  # for the engine
    credentials.load()  # while the engine starts the program
    server.wait_for_termination()


def environment_in(config: Mapping[str, str], stack: str) -> Environment:
    """The environment that ``config`` names, or if ``config`` names none, the environment with the stack's name.

    If this environment does not exist, the result is ``STRICTEST``. If the environment in ``config`` differs from the stack's name,
    the Pulumi program stops with an error.
    """
    try:
        settings: Any = json.loads(config.get(f"{PACK_NAME}:environment", "{}"))
    except ValueError:
        settings = {}  # the program reports the error
    name: Any = cast("dict[str, Any]", settings).get("name") if isinstance(settings, dict) else None
    return ENVIRONMENTS.get(name if isinstance(name, str) and name else stack, STRICTEST)


class ResourcePolicy(ResourceValidationPolicy):
    """The policy of a rule on single resources. The engine evaluates this policy before it creates or changes a resource."""

    def __init__(self, rule: Rule, violations: FindViolations, **metadata: Any) -> None:
        super().__init__(**metadata)  # pyright: ignore[reportUnknownMemberType]
        self.rule = rule
        self.violations = violations


class StackPolicy(StackValidationPolicy):
    """A policy on all resources of a stack. The engine evaluates this policy after the registration of all resources."""

    def __init__(self, violations: FindViolations, **metadata: Any) -> None:
        super().__init__(**metadata)  # pyright: ignore[reportUnknownMemberType]
        self.violations = violations


class Analyzer(AnalyzerServer):
    """The server of this pack; ``noted`` contains the deferred and waived violations of the current run."""

    def __init__(self, waivers: Sequence[Waiver]) -> None:
        self.waivers = tuple(waivers)
        self.config = config_of(STRICTEST, waivers=self.waivers)
        self.noted: list[Violation] = []
        self.resource_policies = [
            ResourcePolicy(rule, partial(self._violations, rule), **self._metadata(rule)) for rule in RULES if not rule.whole
        ]
        self.stack_policies = [
            *(StackPolicy(partial(self._violations, rule), **self._metadata(rule)) for rule in RULES if rule.whole),
            StackPolicy(
                lambda _graph, _given: ((message_of(each), "") for each in waiver_violations(self.config)),
                name=WAIVER_RULE,
                description="No waiver has expired",
                enforcement_level=EnforcementLevel.MANDATORY,
            ),
            StackPolicy(
                lambda _graph, _given: self._noted(),
                name=DEFERRED_RULE,
                description="Deferred checks and waived violations",
                enforcement_level=EnforcementLevel.ADVISORY,
            ),
        ]
        policies: list[Policy] = [*self.resource_policies, *self.stack_policies]
        super().__init__(PACK_NAME, policies)

    def ConfigureStack(self, request: Any, _context: Any) -> analyzer_pb2.AnalyzerStackConfigureResponse:  # noqa: N802 - the protocol's name
        """Set the levels and limits of the stack; the engine calls this method before it requests the policies."""
        self.config = config_of(environment_in(request.config, request.stack), waivers=self.waivers)
        levels = {rule.name: EnforcementLevel(self.config.level(rule)) for rule in RULES}
        for policy in (*self.resource_policies, *self.stack_policies):
            policy.enforcement_level = levels.get(policy.name, policy.enforcement_level)
        return analyzer_pb2.AnalyzerStackConfigureResponse()

    def Remediate(self, request: Any, _context: Any) -> analyzer_pb2.RemediateResponse:  # noqa: N802
        """Return no changes, because the pack only reports."""
        del request
        return analyzer_pb2.RemediateResponse()

    def Analyze(self, request: Any, _context: Any) -> analyzer_pb2.AnalyzeResponse:  # noqa: N802
        """Check one resource."""
        index = ResourceIndex(normal([_resource(request)]))
        policies = [each for each in self.resource_policies if index.checked_by(each.rule.on)]
        return self._answer(policies, index)

    def AnalyzeStack(self, request: Any, _context: Any) -> analyzer_pb2.AnalyzeResponse:  # noqa: N802
        """Check the stack."""
        return self._answer(self.stack_policies, ResourceIndex(normal(with_names([_resource(each) for each in request.resources]))))

    def _answer(self, policies: Iterable[ResourcePolicy | StackPolicy], index: ResourceIndex) -> analyzer_pb2.AnalyzeResponse:
        response = analyzer_pb2.AnalyzeResponse()
        for policy in policies:
            if self.level_of(policy) == EnforcementLevel.DISABLED:
                continue
            report = self.reporter(response, policy)
            for message, urn in policy.violations(index, self.parameters_of(policy)):
                report(message, urn)
        return response

    def _metadata(self, rule: Rule) -> dict[str, Any]:
        parameters = {to_camel(each): parameter_schema()[to_camel(each)] for each in rule.parameters}
        return {
            "name": rule.name,
            "description": rule.title,
            "enforcement_level": EnforcementLevel(self.config.level(rule)),
            "severity": EngineSeverity(rule.severity),
            "config_schema": PolicyConfigSchema(parameters) if parameters else None,
            "framework": PolicyComplianceFramework(name=rule.frameworks[0], specification="; ".join(rule.frameworks))
            if rule.frameworks
            else None,
            "tags": [rule.concern],
            "remediation_steps": rule.fix,
            "url": f"docs/policies.md#{rule.name}",
        }

    def _violations(self, rule: Rule, index: ResourceIndex, given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        try:
            config = with_pack_config(self.config, {rule.name: given}, [rule]) if given else self.config
        except PolicyError as error:
            yield str(error), ""
            return
        for view in index.checked_by(rule.on):
            for violation in found_with_waivers(check_rule(rule, view, index, config), config):
                if violation.status in ("failed", "unknown"):
                    yield message_of(violation), violation.urn
                else:
                    self.noted.append(violation)

    def _noted(self) -> Iterator[tuple[str, str]]:
        """The deferred and waived violations of this run, as one message.

        The violations are cleared afterwards, because the engine can use one server for the preview and the update.
        """
        deferred = Counter((each.rule, each.path) for each in self.noted if each.status == "deferred")
        lines = [
            f"{rule}: {count} check{'' if count == 1 else 's'} of {path} run{'s' if count == 1 else ''} during `pulumi up`"
            for (rule, path), count in sorted(deferred.items())
        ]
        lines += [f"{each.rule}: {each.resource}: {each.message}; {each.fix}" for each in self.noted if each.status == "waived"]
        self.noted.clear()
        if lines:
            yield "\n".join(lines), ""


def message_of(violation: Violation) -> str:
    """The problem and the fix of a violation, in one text that the engine prints next to the name of the resource."""
    place = f"{violation.path}: " if violation.path else ""
    return f"{place}{violation.message}\nfix: {violation.fix}"


def _resource(sent: Any) -> Resource:
    """The resource in an ``AnalyzeRequest`` or an ``AnalyzerResource``. An ``AnalyzeRequest`` contains no dependencies."""
    depends: Mapping[str, Any] = getattr(sent, "propertyDependencies", {})
    return Resource(
        urn=sent.urn,
        type=sent.type,
        name=sent.name,
        inputs=properties(sent.properties),
        parent=sent.options.parent,
        provider=sent.provider.urn,
        property_dependencies={key: tuple(sources.urns) for key, sources in depends.items() if sources.urns},
        ignore_changes=tuple(sent.options.ignoreChanges),
    )
