"""The engine's refresh as drift: differences that count, changes by an owner, and values that are never shown."""

from __future__ import annotations

import json
from io import StringIO
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console

from delivery.clients.environment import UnreachableError
from delivery.doctor.drifted import changes_in
from delivery.errors import ExitCode
from delivery.preview import _untracked as tagged
from delivery.preview import drift as detection
from delivery.preview import drift_report as reports
from delivery.preview._comparison import owner_of
from delivery.preview.change import Drift, Foreign, Kind
from delivery.preview.drift import parse
from program.protocol import MASK

GROUP = "aws:cloudwatch/logGroup:LogGroup"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"


def state(type_: str, name: str, inputs: dict[str, Any], **more: Any) -> dict[str, Any]:
    urn = f"urn:pulumi:production::dwcp-v3::{type_}::{name}"
    return {
        "urn": urn,
        "type": type_,
        "custom": True,
        "id": f"{name}-id",
        "inputs": inputs,
        "outputs": {"arn": f"arn:{name}"},
        **more,
    }


def step(op: str, old: dict[str, Any], inputs: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"op": op, "urn": old["urn"], "oldState": old, "newState": {**old, "inputs": inputs or {}}}


def drift(*steps: dict[str, Any]) -> Drift:
    return Drift(stack="production", resources_read=len(steps), changes=parse(json.dumps({"steps": steps})).changes)


def test_a_changed_property_is_shown_with_both_sides() -> None:
    [change] = drift(
        step("update", state(GROUP, "flow", {"retentionInDays": 30, "name": "x"}), {"retentionInDays": 7, "name": "x"})
    ).changes
    assert (change.kind, change.name) == (Kind.UPDATE, "flow")
    assert [(each.path, each.before, each.after) for each in change.properties] == [("retentionInDays", 30, 7)]


def test_what_is_gone_comes_first_and_says_what_is_lost_with_it() -> None:
    claim = state("kubernetes:core/v1:PersistentVolumeClaim", "dwcp-v3-redis-claim", {})
    found = drift(step("update", state(GROUP, "flow", {"a": 1}), {"a": 2}), step("delete", claim)).changes
    assert [(each.kind, each.loses) for each in found] == [(Kind.DELETE, "the data on its volume"), (Kind.UPDATE, "")]


@pytest.mark.parametrize("op", ["same", "refresh", "read"])
def test_an_unchanged_resource_is_not_drift(op: str) -> None:
    """The operation of the engine decides, and not a comparison of the inputs."""
    assert drift(step(op, state(GROUP, "flow", {"a": 1}), {"a": 2})).changes == ()


def replicas(name: str) -> Drift:
    return drift(step("update", state(DEPLOYMENT, name, {"spec": {"replicas": 3}}), {"spec": {"replicas": 7}}))


def test_what_its_owner_changes_is_no_drift_and_the_same_elsewhere_is() -> None:
    assert replicas("dwcp-v3-deployment").changes == ()  # the autoscaler owns them
    assert len(replicas("dwcp-v3-grafana-deployment").changes) == 1


def test_a_change_of_an_owner_beside_drift_is_named_as_such() -> None:
    old = state(DEPLOYMENT, "dwcp-v3-deployment", {"spec": {"replicas": 3, "paused": False}})
    [change] = drift(step("update", old, {"spec": {"replicas": 7, "paused": True}})).changes
    assert [each.path for each in change.properties] == ["spec.paused"]
    assert [(each.path, each.owner) for each in change.ignored] == [("spec.replicas", "autoscaler")]


def test_weights_of_the_rule_are_deliverys_and_its_conditions_are_not() -> None:
    rule = "aws:lb/listenerRule:ListenerRule"
    assert owner_of(rule, "dwcp-v3-tracks", ("actions", 0, "forward", "targetGroups", 1, "weight")) == "delivery"
    assert owner_of(rule, "dwcp-v3-tracks", ("conditions", 0)) == ""


def test_a_component_cannot_drift() -> None:
    component = state("dwcp:platform:Network", "dwcp-v3", {}) | {"custom": False}
    assert drift(step("delete", component)).changes == ()


def test_a_secret_that_changed_is_not_shown() -> None:
    old = state("kubernetes:core/v1:Secret", "dwcp-v3-secret", {"data": {"redis-password": "b2xk"}})
    found = drift(step("update", old, {"data": {"redis-password": "bmV3"}}))
    [change] = found.changes
    assert [(each.before, each.after) for each in change.properties] == [(MASK, MASK)]
    for text in (json.dumps(found.to_json()), reports.to_markdown([found])):
        assert "b2xk" not in text
        assert "bmV3" not in text


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"steps": 3}', "error: no stack"])
def test_an_invalid_answer_is_refused(text: str) -> None:
    with pytest.raises(UnreachableError, match="the engine's output has another format"):
        parse(text)


ENTRY = "arn:aws:eks:us-east-1:1:access-entry/dwcp-v3/role/1/admin/0b1c"
ASSOCIATION = "arn:aws:eks:us-east-1:1:podidentityassociation/dwcp-v3/a-1"


@pytest.mark.parametrize(
    ("arn", "known"),
    [
        ("arn:aws:ec2:us-east-1:1:vpc/vpc-1", {"id": "vpc-1"}),
        ("arn:aws:s3:::dwcp-v3-artifacts-1", {"id": "dwcp-v3-artifacts-1"}),
        ("arn:aws:kms:us-east-1:1:key/abc", {"id": "abc"}),
        ("arn:aws:logs:us-east-1:1:log-group:/aws/vpc/dwcp-v3:*", {"id": "/aws/vpc/dwcp-v3"}),
        (
            "arn:aws:logs:us-east-1:1:log-group:/aws/vpc/dwcp-v3",
            {"outputs": {"arn": "arn:aws:logs:us-east-1:1:log-group:/aws/vpc/dwcp-v3"}},
        ),
        (
            "arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/stable/1",
            {"id": "arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/stable/1"},
        ),
        ("arn:aws:eks:us-east-1:1:cluster/dwcp-v3", {"id": "dwcp-v3"}),
        (ENTRY, {"id": "dwcp-v3:arn:aws:iam::1:role/admin", "outputs": {"accessEntryArn": ENTRY}}),
        (ASSOCIATION, {"id": "dwcp-v3,a-1", "outputs": {"associationArn": ASSOCIATION}}),
    ],
)
def test_a_resource_is_known_by_its_arn_or_by_the_id_at_its_end(arn: str, known: dict[str, Any]) -> None:
    assert tagged.names_of(arn) & tagged.known_names([known])
    assert not tagged.names_of(arn) & tagged.known_names([{"id": "another"}, {}])


def test_a_resource_is_not_known_by_an_input_that_names_it() -> None:
    listener = {"id": "listener", "inputs": {"certificateArn": "arn:a"}, "outputs": {"certificateArn": "arn:a", "arn": "arn:b"}}
    assert tagged.known_names([listener]) == {"listener", "arn:b"}


@pytest.mark.parametrize("kind", ["volume", "snapshot"])
def test_data_that_is_not_in_the_state_is_never_to_be_deleted(kind: str) -> None:
    data, other = f"arn:aws:ec2:us-east-1:1:{kind}/x-1", "arn:aws:ec2:us-east-1:1:vpc/vpc-1"
    found = changes_in(Drift(stack="s", foreign=tuple(Foreign(arn=arn, why="tags") for arn in (data, other))))
    assert {each.what: "delete" in each.cause for each in found} == {data: False, other: True}


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (Drift(stack="s"), ExitCode.DONE),
        (Drift(stack="s", foreign=(Foreign(arn="a", why="b"),)), ExitCode.FAILED),
        (Drift(stack="s", problems=("no credentials",)), ExitCode.UNCHECKED),
        (Drift(stack="s", problems=("no credentials",), foreign=(Foreign(arn="a", why="b"),)), ExitCode.FAILED),
    ],
)
def test_the_exit_code_distinguishes_drift_no_drift_and_an_incomplete_check(found: Drift, code: ExitCode) -> None:
    assert found.exit_code is code
    assert found.to_json()["exitCode"] == code


def test_markdown_says_what_could_not_be_looked_at() -> None:
    text = reports.to_markdown(
        [Drift(stack="staging", problems=("AWS answers: <403>",)), Drift(stack="production", resources_read=3)]
    )
    assert "staging: drift could not be checked" in text
    assert "AWS answers: &lt;403&gt;" in text
    assert "production: no drift (3 resources read)" in text


@pytest.mark.parametrize(
    ("found", "printed"),
    [
        (
            drift(step("delete", state(GROUP, "flow", {}))),
            ["to revert the drift: pulumi up -s", "to keep the drift:   add the change to the program, then pulumi up"],
        ),
        (Drift(stack="staging", foreign=(Foreign(arn="arn:x", why="tagged"),)), ["not in the state:    import the resource, or"]),
        (Drift(stack="staging"), []),
    ],
)
def test_the_report_names_the_fix_of_each_kind_of_drift(found: Drift, printed: list[str]) -> None:
    """`pulumi up` does not change a resource that is not in the state."""
    screen = StringIO()
    reports.print_table([found], Console(file=screen, width=200))
    fixes = [each for each in screen.getvalue().splitlines() if each.startswith(("to ", "not in the state: "))]
    assert len(fixes) == len(printed)
    assert all(line.startswith(start) for line, start in zip(fixes, printed, strict=True)), fixes


PASSWORD = "hunter2hunter2"


def test_a_credential_that_differs_is_in_no_form_of_the_report(monkeypatch: pytest.MonkeyPatch) -> None:
    def holding(password: str) -> dict[str, Any]:
        return {"data": {"DB_PASSWORD": password, "text": f"token: {password}"}}

    changed = step("update", state("kubernetes:core/v1:ConfigMap", "it", holding(PASSWORD)), holding(f"{PASSWORD}3"))
    monkeypatch.setattr(detection, "preview_refresh", lambda _environment: parse(json.dumps({"steps": [changed]})))
    monkeypatch.setattr(detection, "foreign", lambda *_: ())
    found = detection.detect(cast("Any", SimpleNamespace(name="production")))
    [change] = found.changes
    assert {each.path for each in change.properties} == {"data.DB_PASSWORD", "data.text"}
    printed = Console(file=StringIO(), width=200)
    reports.print_table([found], printed)
    forms = [cast("StringIO", printed.file).getvalue(), reports.to_markdown([found]), json.dumps(found.to_json())]
    for told in (*forms, str(list(changes_in(found)))):
        assert "[secret]" in told
        assert PASSWORD not in told
