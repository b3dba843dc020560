"""The parts of the policy SDK beyond its documented interface that the pack uses; fails when the SDK changes them."""

import inspect

from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc
from pulumi_policy import EnforcementLevel, PolicyPack
from pulumi_policy import policy as sdk

from policies._sdk import AnalyzerServer, properties
from policies.pack import PACK_NAME, Analyzer
from policies.rules import RULES
from program.protocol import SECRET_SIGNATURE, SIGNATURE, UNKNOWN

PRIVATE = sdk._PolicyAnalyzerServicer
SERVED = {"Analyze", "AnalyzeStack", "ConfigureStack", "Remediate"}
"""The calls of the protocol that the pack answers itself."""


def test_the_documented_pack_still_starts_this_server() -> None:
    assert issubclass(PRIVATE, analyzer_pb2_grpc.AnalyzerServicer)
    assert PRIVATE.__name__ in inspect.getsource(PolicyPack.__init__)


def test_the_server_still_has_what_the_pack_uses() -> None:
    expected = {
        "__init__": ["self", "name", "version", "policies", "enforcement_level"],
        "_get_enforcement_level": ["self", "policy"],
        "_get_policy_config": ["self", "name"],
        "_create_report_violation": ["self", "response", "policy_name", "policy_description", "enforcement_level", "severity"],
    }
    for name, parameters in expected.items():
        assert list(inspect.signature(getattr(PRIVATE, name)).parameters)[: len(parameters)] == parameters


def test_the_pack_defines_every_call_that_checks_resources() -> None:
    assert {name for name in SERVED if name not in vars(Analyzer)} == set()
    calls = {name for name in vars(analyzer_pb2_grpc.AnalyzerServicer) if not name.startswith("_")}
    theirs = {name for name in calls if name in vars(PRIVATE)}
    assert theirs - SERVED == {"GetAnalyzerInfo", "GetPluginInfo", "Configure", "Handshake"} & theirs


def test_the_sdk_describes_the_policies_of_the_pack() -> None:
    info = Analyzer(()).GetAnalyzerInfo(None, None)
    assert info.name == PACK_NAME
    assert {rule.name for rule in RULES} <= {each.name for each in info.policies}


def test_a_violation_is_reported_with_its_level_and_resource() -> None:
    server = Analyzer(())
    response, policy = analyzer_pb2.AnalyzeResponse(), server.resource_policies[0]
    server.reporter(response, policy)("wrong", "urn:one")
    [found] = response.diagnostics
    assert (found.policyName, found.message.endswith("wrong"), found.urn) == (policy.name, True, "urn:one")
    assert server.level_of(policy) == EnforcementLevel.MANDATORY
    assert AnalyzerServer.parameters_of(server, policy) == {}


def test_a_secret_is_unwrapped_and_an_unknown_value_stays_one() -> None:
    sent = Struct()
    sent.update({"password": {SIGNATURE: SECRET_SIGNATURE, "value": "hidden"}, "count": 3, "id": UNKNOWN})
    assert properties(sent) == {"password": "hidden", "count": 3, "id": UNKNOWN}
