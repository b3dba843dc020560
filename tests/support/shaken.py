"""Creates and deletes a stack's AWS resources in any order that its dependencies allow, on an embedded AWS.

The engine starts independent calls at the same time, and most take equally long; therefore a missing dependency rarely causes a
failure. Here a seed determines the duration of each call: the program is evaluated once, and each seed gives another order of the
same calls.
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


class Marked(_sdk.Providers):
    """Marks the example outputs of a provider, so that real values can replace them when the resource exists."""

    def __init__(self, plugin: AwsPlugin, caller: str) -> None:
        super().__init__(evaluation.published, preview=False, caller=caller)
        self.plugin = plugin
        self.made: dict[tuple[str, str], tuple[str, Properties]] = {}

    def new_resource(self, args: Any) -> tuple[str | None, Properties]:
        id, outputs = super().new_resource(args)
        if not args.custom or id is None or not args.typ.startswith("aws:"):
            return id, outputs
        mark = f"-{len(self.made)}m"
        outputs = {key: marked(value, args.inputs.get(key), mark) for key, value in outputs.items()}
        self.made[args.typ, args.name] = id + mark, outputs
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
class Shaken:
    """One stack that can be created and deleted repeatedly."""

    plugin: AwsPlugin
    resources: tuple[graph.Resource, ...]
    made_up: dict[tuple[str, str], tuple[str, Properties]]
    there: dict[str, tuple[ResourceState, Properties, Properties]] = field(default_factory=dict[str, Any])
    known: dict[str, str] = field(default_factory=dict[str, str])
    """Example value -> value of the service."""

    @classmethod
    def of(cls, stack: str, plugin: AwsPlugin) -> Shaken:
        """The stack of the stack file, without deletion protection and without resources outside AWS."""
        config = stack_config(stack)
        providers = Marked(plugin, evaluation._caller(config))
        with pytest_shell():
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
        return cls(plugin, tuple(map(unprotected, aws)), providers.made)

    def without(self, changed: Callable[[graph.Resource], graph.Resource]) -> Shaken:
        """The same program with some dependencies removed."""
        return Shaken(self.plugin, tuple(changed(each) for each in self.resources), self.made_up)

    def up(self, seed: int) -> None:
        """Create all resources, in the order of this seed."""
        names = {each.urn for each in self.resources}
        needs = {each.urn: {urn for urn in needed(each) if urn in names} for each in self.resources}
        by_urn = {each.urn: each for each in self.resources}
        for urn in shaken(needs, seed):
            self._create(by_urn[urn])

    def destroy(self, seed: int) -> None:
        """Delete all resources, in the order of this seed."""
        needs: dict[str, set[str]] = {urn: set() for urn in self.there}
        for each in self.resources:
            for urn in needed(each):
                if urn in needs and each.urn in self.there:
                    needs[urn].add(each.urn)
        for urn in shaken(needs, seed):
            self.plugin.delete(*self.there[urn])
            del self.there[urn]
        self.known.clear()

    def sweep(self) -> None:
        """Delete all resources that an interrupted run has left."""
        while self.there:
            before = len(self.there)
            for urn, made in reversed(list(self.there.items())):
                with suppress(EmbeddedCloudError):
                    self.plugin.delete(*made)
                    del self.there[urn]
            assert len(self.there) < before, f"cannot be deleted: {list(self.there)}"
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
            self.there[declared.urn] = (replace(resource, id=error.id), error.inputs, error.state)
            raise
        self.there[declared.urn] = (replace(resource, id=id), inputs, state)
        made_up_id, made_up = self.made_up[declared.type, declared.name]
        self.known[made_up_id] = id
        mark = made_up_id[made_up_id.rindex("-") :]
        self.known.update((text, real) for text, real in pairs(made_up, state) if text.endswith(mark))

    def _real(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._real(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._real(item) for item in value]
        if isinstance(value, str) and "m" in value:
            for made_up in sorted((each for each in self.known if each in value), key=len, reverse=True):
                value = value.replace(made_up, self.known[made_up])
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


def pairs(made_up: Any, real: Any) -> Iterator[tuple[str, str]]:
    """Pairs of an example text and its real value."""
    if isinstance(made_up, dict) and isinstance(real, dict):
        for key, value in made_up.items():
            yield from pairs(value, real.get(key))
    elif isinstance(made_up, list) and isinstance(real, list):
        for one, other in zip(made_up, real, strict=False):
            yield from pairs(one, other)
    elif isinstance(made_up, str) and isinstance(real, str) and made_up.endswith("m"):
        yield made_up, real


def shaken(needs: Mapping[str, set[str]], seed: int) -> Iterator[str]:
    """An order that ``needs`` allows: each call starts as soon as possible, and the seed determines its duration."""
    dice = random.Random(seed)
    left = {urn: set(each) for urn, each in needs.items()}
    clock, running = 0.0, []
    while left or running:
        for urn in sorted(urn for urn, each in left.items() if not each):
            del left[urn]
            heapq.heappush(running, (clock + dice.expovariate(1), urn))
        if not running:
            raise AssertionError(f"these wait for each other: {sorted(left)}")
        clock, urn = heapq.heappop(running)
        yield urn
        for each in left.values():
            each.discard(urn)


pytest_shell = evaluation._in_any_shell
