"""Creates and deletes the AWS resources of a stack on an embedded AWS, in random orders that the dependencies permit.

The engine starts independent calls at the same time, and most calls take equally long. Therefore a missing dependency rarely causes
a failure of the engine. In this module, a seed determines the duration of each call. The program is evaluated only once, and each
seed results in another order of the same calls.
"""

from __future__ import annotations

import heapq
import random
import runpy
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from recording import stack_config

from embedded_cloud.errors import EmbeddedCloudError
from embedded_cloud.providers.aws.functions import FUNCTIONS
from embedded_cloud.providers.aws.provider import AwsPlugin
from embedded_cloud.providers.plugin import NotReadyError, ResourceState
from program import _sdk, evaluation, graph
from program.checkout import CHECKOUT

Properties = dict[str, Any]


class MarkedProviders(_sdk.Providers):
    """Providers that mark their example outputs, so that real values can replace the examples when the resource exists."""

    def __init__(self, plugin: AwsPlugin, caller: str) -> None:
        super().__init__(preview=False, caller=caller)
        self.plugin = plugin
        self.examples: dict[tuple[str, str], tuple[str, Properties]] = {}

    def new_resource(self, args: Any) -> tuple[str | None, Properties]:
        id, outputs = super().new_resource(args)
        if not args.custom or id is None or not args.typ.startswith("aws:"):
            return id, outputs
        mark = f"-{len(self.examples)}m"
        outputs = {key: marked(value, args.inputs.get(key), mark) for key, value in outputs.items()}
        self.examples[args.typ, args.name] = id + mark, outputs
        return id + mark, outputs

    def call(self, args: Any) -> tuple[Properties, list[tuple[str, str]]]:
        if args.token in FUNCTIONS and "getCallerIdentity" not in args.token:
            return self.plugin.invoke(args.token, args.args), []
        return super().call(args)


def marked(value: Any, given: Any, mark: str) -> Any:
    """``value``, with the mark of its resource in every text that is not ``given`` by the program."""
    if isinstance(value, dict):
        inputs = given if isinstance(given, dict) else {}
        return {key: marked(item, inputs.get(key), mark) for key, item in value.items()}
    if isinstance(value, list):
        inputs = given if isinstance(given, list) and len(given) == len(value) else [None] * len(value)
        return [marked(item, other, mark) for item, other in zip(value, inputs, strict=True)]
    return value + mark if isinstance(value, str) and value != given else value


@dataclass
class RandomOrderStack:
    """One stack that can be created and deleted repeatedly."""

    plugin: AwsPlugin
    resources: tuple[graph.Resource, ...]
    examples: dict[tuple[str, str], tuple[str, Properties]]
    created: dict[str, tuple[ResourceState, Properties, Properties]] = field(default_factory=dict[str, Any])
    known: dict[str, str] = field(default_factory=dict[str, str])
    """Example value -> value of the service."""

    @classmethod
    def of(cls, stack: str, plugin: AwsPlugin) -> RandomOrderStack:
        """The stack of the stack file, without deletion protection and without resources outside AWS."""
        config = stack_config(stack)
        providers = MarkedProviders(plugin, evaluation._caller(config))
        with evaluation.without_kubeconfig():
            found = _sdk.record(
                lambda: runpy.run_path(str(CHECKOUT / "__main__.py")),
                {key: value if isinstance(value, str) else evaluation.json.dumps(value) for key, value in config.items()},
                [f"dwcp-v3:{key}" for key in evaluation.PLACEHOLDERS],
                providers=providers,
                project="dwcp-v3",
                stack=stack,
                preview=False,
            )
        aws = tuple(each for each in found.resources if each.custom and each.type.startswith("aws:"))
        return cls(plugin, tuple(map(unprotected, aws)), providers.examples)

    def without(self, changed: Callable[[graph.Resource], graph.Resource]) -> RandomOrderStack:
        """The same program with some dependencies removed."""
        return RandomOrderStack(self.plugin, tuple(changed(each) for each in self.resources), self.examples)

    def up(self, seed: int) -> None:
        """Create all resources, in the order of this seed."""
        names = {each.urn for each in self.resources}
        needs = {each.urn: {urn for urn in needed(each) if urn in names} for each in self.resources}
        by_urn = {each.urn: each for each in self.resources}
        for urn in random_order(needs, seed):
            self._create(by_urn[urn])

    def destroy(self, seed: int) -> None:
        """Delete all resources, in the order of this seed."""
        needs: dict[str, set[str]] = {urn: set() for urn in self.created}
        for each in self.resources:
            for urn in needed(each):
                if urn in needs and each.urn in self.created:
                    needs[urn].add(each.urn)
        for urn in random_order(needs, seed):
            self.plugin.delete(*self.created[urn])
            del self.created[urn]
        self.known.clear()

    def sweep(self) -> None:
        """Delete all resources that an interrupted run has left."""
        while self.created:
            before = len(self.created)
            for urn, resource in reversed(list(self.created.items())):
                with suppress(EmbeddedCloudError):
                    self.plugin.delete(*resource)
                    del self.created[urn]
            assert len(self.created) < before, f"cannot be deleted: {list(self.created)}"
        logs = self.plugin.aws.client("logs")
        for group in logs.describe_log_groups(logGroupNamePrefix="/aws/eks/")["logGroups"]:  # EKS has created the log group again
            logs.delete_log_group(logGroupName=group["logGroupName"])
        self.known.clear()

    def _create(self, declared: graph.Resource) -> None:
        resource = ResourceState(type=declared.type, name=declared.name, urn=declared.urn)
        inputs = self.plugin.check(resource, {}, self._real(declared.inputs))
        try:
            id, state = self.plugin.create(resource, inputs, False)
        except NotReadyError as error:  # the resource exists despite the error
            self.created[declared.urn] = (replace(resource, id=error.id), error.inputs, error.state)
            raise
        self.created[declared.urn] = (replace(resource, id=id), inputs, state)
        example_id, example = self.examples[declared.type, declared.name]
        self.known[example_id] = id
        mark = example_id[example_id.rindex("-") :]
        self.known.update((text, real) for text, real in pairs(example, state) if text.endswith(mark))

    def _real(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._real(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._real(item) for item in value]
        if isinstance(value, str) and "m" in value:
            for example in sorted((each for each in self.known if each in value), key=len, reverse=True):
                value = value.replace(example, self.known[example])
        return value


PROTECTIONS = ("deletionProtection", "enableDeletionProtection")


def unprotected(each: graph.Resource) -> graph.Resource:
    """The resource without deletion protection, so that production can be deleted."""
    return replace(each, inputs={**each.inputs, **{name: False for name in PROTECTIONS if each.inputs.get(name)}})


def needed(each: graph.Resource) -> Iterator[str]:
    """The URNs that a resource depends on."""
    yield from each.dependencies
    for urns in (each.property_dependencies or {}).values():
        yield from urns


def pairs(example: Any, real: Any) -> Iterator[tuple[str, str]]:
    """Pairs of an example text and its real value."""
    if isinstance(example, dict) and isinstance(real, dict):
        for key, value in example.items():
            yield from pairs(value, real.get(key))
    elif isinstance(example, list) and isinstance(real, list):
        for one, other in zip(example, real, strict=False):
            yield from pairs(one, other)
    elif isinstance(example, str) and isinstance(real, str) and example.endswith("m"):
        yield example, real


def random_order(needs: Mapping[str, set[str]], seed: int) -> Iterator[str]:
    """An order that ``needs`` permits: each call starts as soon as possible, and the seed determines its duration."""
    durations = random.Random(seed)
    blocking = {urn: set(each) for urn, each in needs.items()}
    clock, running = 0.0, []
    while blocking or running:
        for urn in sorted(urn for urn, each in blocking.items() if not each):
            del blocking[urn]
            heapq.heappush(running, (clock + durations.expovariate(1), urn))
        if not running:
            raise AssertionError(f"dependency cycle: {sorted(blocking)}")
        clock, urn = heapq.heappop(running)
        yield urn
        for each in blocking.values():
            each.discard(urn)
