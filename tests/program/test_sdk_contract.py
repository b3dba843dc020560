"""The undocumented parts of the SDK that the package ``program`` uses; a test fails if the SDK changes one."""

import inspect
import json
from typing import Any, cast

import pulumi
import pulumi_aws
import pytest
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime import mocks, rpc, rpc_manager, settings
from pulumi.runtime.stack import Stack, run_pulumi_func
from recording import run

import policies
from program import _sdk
from program.catalogue import answer
from program.protocol import SECRET_SIGNATURE, SIGNATURE, UNKNOWN, UNKNOWNS


def test_the_mock_monitor_has_the_methods_of_the_protocol() -> None:
    assert list(inspect.signature(mocks.MockMonitor.make_urn).parameters)[:4] == ["self", "parent", "type_", "name"]
    assert {"RegisterResource", "Invoke"} <= set(vars(mocks.MockMonitor))


def test_run_pulumi_func_runs_a_program_whose_root_has_the_outputs() -> None:
    assert inspect.iscoroutinefunction(run_pulumi_func)
    assert "outputs" in inspect.get_annotations(Stack)
    assert run(lambda: pulumi.export("key", pulumi.Output.from_input("value")), {}).exports == {"key": "value"}


def test_all_state_of_the_sdk_is_in_context_variables() -> None:
    """Otherwise evaluations would share state; the documented reset gives each its own."""
    assert vars(settings.Settings(project="p", stack="s")) == {}
    pulumi.runtime.reset_options(project="p", stack="s")
    first = (settings.SETTINGS.outputs, settings.SETTINGS.lock, settings.SETTINGS.rpc_manager)
    pulumi.runtime.reset_options(project="p", stack="s")
    second = (settings.SETTINGS.outputs, settings.SETTINGS.lock, settings.SETTINGS.rpc_manager)
    assert all(one is not other for one, other in zip(first, second, strict=True))


def test_secrets_are_wrapped_in_the_known_format() -> None:
    wrapped: dict[str, Any] = {SIGNATURE: SECRET_SIGNATURE, "value": {"key": "hidden"}}
    assert rpc.is_rpc_secret(wrapped)
    assert rpc.unwrap_rpc_secret(wrapped) == {"key": "hidden"}
    message = Struct()
    message.update({"a": [wrapped], "id": {SIGNATURE: rpc._special_resource_sig, "urn": "urn:x", "id": "x-id"}, "n": 3})
    assert _sdk.plain(message) == ({"a": [{"key": "hidden"}], "id": "x-id", "n": 3}, [("a", 0)])


def test_signatures_are_those_of_the_sdk() -> None:
    assert rpc._special_sig_key == SIGNATURE
    assert rpc._special_secret_sig == SECRET_SIGNATURE
    assert rpc.UNKNOWN == UNKNOWN
    assert rpc.UNKNOWN in UNKNOWNS


def test_all_messages_of_the_sdk_go_through_one_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi.log, "debug", pulumi.log.debug)  # restored afterwards
    _sdk.without_debug_messages()
    sent: list[Any] = []
    monkeypatch.setattr(pulumi.log, "_log", lambda *message: sent.append(message))
    monkeypatch.setattr(pulumi.log, "get_engine", lambda: object())
    cast(Any, rpc_manager).log.debug("beginning rpc")
    pulumi.log.info("shown")
    assert [message[2] for message in sent] == ["shown"]


def test_a_data_source_that_is_not_in_the_catalogue_returns_an_unknown() -> None:
    """In both forms of a call, and in every value derived from it."""
    found: dict[str, Any] = {}

    def program() -> None:
        provider = pulumi_aws.Provider("aws")
        options = pulumi.InvokeOptions(provider=provider)
        plain = pulumi_aws.ec2.get_ami(most_recent=True, opts=options)
        later = pulumi_aws.ec2.get_ami_output(most_recent=True, opts=options)
        found["zones"] = pulumi_aws.get_availability_zones(opts=options).names
        tags = {"plain": f"{plain.image_id}-x", "later": later.image_id.apply(lambda image: f"{image}-x")}
        pulumi_aws.ec2.Vpc("vpc", tags=tags, opts=pulumi.ResourceOptions(provider=provider))

    graph = run(program, {})
    assert graph.one("Vpc")["tags"] == {"plain": UNKNOWN, "later": UNKNOWN}
    assert {each.token.rpartition(":")[2]: each.known for each in graph.invokes} == {"getAmi": False, "getAvailabilityZones": True}
    assert found["zones"][0] == "us-east-1a"


def test_a_policy_document_is_computed_and_the_rules_read_it() -> None:
    """In both forms of a call. The document of an administrator is not hidden from the policies."""

    def program() -> None:
        provider = pulumi_aws.Provider("aws")
        options = pulumi.InvokeOptions(provider=provider)
        admin: Any = [{"actions": ["*"], "resources": ["*"]}]
        plain = pulumi_aws.iam.get_policy_document(statements=admin, opts=options).json
        later = pulumi_aws.iam.get_policy_document_output(statements=admin, override_policy_documents=[plain], opts=options).json
        for name, document in (("plain", plain), ("later", later)):
            pulumi_aws.iam.RolePolicy(name, role="r", policy=document, opts=pulumi.ResourceOptions(provider=provider))

    graph = run(program, {})
    found = policies.check(graph.resources, policies.environment_of("production", graph.resources))
    assert {each.urn.rpartition("::")[2] for each in found if each.rule == "identity-no-wildcard-admin"} == {"plain", "later"}


def test_a_policy_document_has_the_form_of_the_official_provider() -> None:
    source = {"Statement": {"Sid": "a", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}}
    statements = [
        {"sid": "a", "effect": "Deny", "actions": ["s3:*"], "resources": ["x", "y"]},
        {
            "principals": [{"type": "Service", "identifiers": ["ec2.amazonaws.com"]}, {"type": "AWS", "identifiers": ["1", "2"]}],
            "conditions": [{"test": "StringEquals", "variable": "aws:x", "values": ["1"]}],
        },
        {"principals": [{"type": "*", "identifiers": ["*"]}]},
    ]
    found = answer(
        "aws:iam/getPolicyDocument:getPolicyDocument", {"statements": statements, "sourcePolicyDocuments": [json.dumps(source)]}
    )
    assert json.loads(found["json"]) == {
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": "a", "Effect": "Deny", "Action": "s3:*", "Resource": ["x", "y"]},
            {
                "Effect": "Allow",
                "Principal": {"Service": "ec2.amazonaws.com", "AWS": ["1", "2"]},
                "Condition": {"StringEquals": {"aws:x": "1"}},
            },
            {"Effect": "Allow", "Principal": "*"},
        ],
    }
