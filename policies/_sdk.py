"""The only module of this package that uses undocumented interfaces of the policy SDK.

``tests/policies/test_sdk_contract.py`` fails when the SDK changes one of these:

- ``pulumi_policy.policy._PolicyAnalyzerServicer``: the server that the documented ``PolicyPack`` starts. This server decodes every
  resource again for each policy, which takes about ten times as long as the rules: for the production stack (244 resources, 97
  policies), 1 s of CPU time instead of 0.1 s. If a policy reads an unknown value, the server reports an advisory violation, so a
  mandatory rule that could not be evaluated would pass. The pack therefore uses a subclass, which inherits only the methods that
  describe the policies, read a pack config and add a violation to an answer.
- ``pulumi_policy.deserialize.deserialize_properties``: the decoding of secrets and assets in a request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import analyzer_pb2
from pulumi_policy import EnforcementLevel, Policy
from pulumi_policy.deserialize import deserialize_properties
from pulumi_policy.policy import _PolicyAnalyzerServicer  # pyright: ignore[reportPrivateUsage]

from program.protocol import with_whole_numbers

VERSION = "0.0.1"
"""The version of the pack. The SDK requires a version, and the engine prints it after the pack's name."""


class AnalyzerServer(_PolicyAnalyzerServicer):
    """The SDK's server of a policy pack. A subclass defines the checks of resources (``Analyze``, ``AnalyzeStack``)."""

    def __init__(self, name: str, policies: Sequence[Policy]) -> None:
        super().__init__(name, VERSION, list(policies), EnforcementLevel.MANDATORY)

    def level_of(self, policy: Policy) -> EnforcementLevel:
        """The enforcement level of a policy: the level in the pack config, or else the policy's default level."""
        return self._get_enforcement_level(policy)

    def parameters_of(self, policy: Policy) -> Mapping[str, Any]:
        """The parameters that the pack config sets for a policy, without the level."""
        return cast("Mapping[str, Any]", self._get_policy_config(policy.name) or {})

    def reporter(self, response: analyzer_pb2.AnalyzeResponse, policy: Policy) -> Callable[[str, str], None]:
        """A function that adds a violation of ``policy`` to ``response``. Its arguments are a message, and a URN or ``""``."""
        level = self.level_of(policy)
        return self._create_report_violation(response, policy.name, policy.description, level, policy.severity)


def properties(sent: Struct) -> dict[str, Any]:
    """The properties of a resource in a request, as plain data."""
    return with_whole_numbers(deserialize_properties(json_format.MessageToDict(sent)))
