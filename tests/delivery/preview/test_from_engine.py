"""The engine's own preview in the same data model: from its events, without secrets."""

from __future__ import annotations

from typing import Any

from delivery.clients.engine_events import parsed
from delivery.preview.change import Kind
from delivery.preview.from_engine import EngineEvents
from program.catalogue import Replaces
from program.protocol import MASK, SIGNATURE

WRAPPED = {SIGNATURE: "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1:abc"}


def step(op: str, type_: str, name: str, *, diff: dict[str, str] | None = None, **sides: dict[str, Any]) -> dict[str, Any]:
    """One resource's event; ``sides`` are the inputs before (``old``) and after (``new``)."""
    states = {side: {"custom": True, "inputs": inputs, "parent": "p"} for side, inputs in sides.items()}
    urn = f"urn:pulumi:staging::dwcp-v3::{type_}::{name}"
    detailed = {path: {"diffKind": kind, "inputDiff": True} for path, kind in (diff or {}).items()}
    return {"resourcePreEvent": {"metadata": {"op": op, "urn": urn, "type": type_, "detailedDiff": detailed, **states}}}


def as_preview(*sent: dict[str, Any]) -> Any:
    events = EngineEvents()
    for event in sent:
        found = parsed(event)
        assert found is not None
        events.take(found)
    return events.as_preview("staging")


def test_each_step_is_a_change_and_what_loses_data_comes_first() -> None:
    preview = as_preview(
        step("same", "aws:ec2/vpc:Vpc", "vpc", old={}, new={}),
        step("create", "aws:ec2/subnet:Subnet", "subnet", new={"cidrBlock": "10.0.0.0/24"}),
        step("delete", "aws:s3/bucket:Bucket", "bucket", old={}),
    )
    assert [(each.kind, each.name) for each in preview.changes] == [(Kind.DELETE, "bucket"), (Kind.CREATE, "subnet")]
    assert preview.changes[0].risky
    assert preview.unchanged == 1


def test_a_replacement_is_one_change_and_says_which_property_asks_for_it() -> None:
    inputs = {"old": {"cidrBlock": "10.0.0.0/16", "tags": {"a": "1"}}, "new": {"cidrBlock": "10.1.0.0/16", "tags": {"a": "2"}}}
    diff = {"cidrBlock": "update-replace", "tags.a": "update"}
    steps = [step(op, "aws:ec2/vpc:Vpc", "vpc", diff=diff, **inputs) for op in ("create-replacement", "replace", "delete-replaced")]
    [change] = as_preview(*steps).changes
    assert change.kind is Kind.REPLACE
    assert [(each.path, each.before, each.after, each.replaces) for each in change.properties] == [
        ("cidrBlock", "10.0.0.0/16", "10.1.0.0/16", Replaces.YES),
        ("tags.a", "1", "2", Replaces.NO),
    ]


def test_the_creation_of_an_object_that_is_still_to_be_deleted_is_refused() -> None:
    preview = as_preview(
        step("create", "aws:iam/role:Role", "new", new={"name": "r"}), step("delete", "aws:iam/role:Role", "old", old={"name": "r"})
    )
    assert {each.name: bool(each.refused) for each in preview.changes} == {"new": True, "old": False}


def test_no_secret_is_shown_at_any_depth() -> None:
    old, new = {"data": {"password": WRAPPED}, "all": WRAPPED}, {"data": {"password": "x"}, "all": WRAPPED}
    diff = {"data": "update", "data.password": "update", "all.key": "update"}
    [change] = as_preview(step("update", "kubernetes:core/v1:Secret", "secret", diff=diff, old=old, new=new)).changes
    before = {each.path: each.before for each in change.properties}
    assert before == {"data": {"password": MASK}, "data.password": MASK, "all.key": MASK}
    assert "v1:abc" not in str(change)


def test_a_mandatory_policy_fails_the_preview() -> None:
    details = {
        "policyName": "network-open-ports",
        "enforcementLevel": "mandatory",
        "resourceUrn": "urn:pulumi:staging::dwcp-v3::t::rule",
        "message": "port 22 is open\n",
    }
    preview = as_preview({"policyEvent": details})
    assert preview.failed
    assert [(each.name, each.message) for each in preview.violations] == [("rule", "port 22 is open")]
