"""A value that depends on an example value of the mocks never passes a rule; the engine, offline checks and states agree."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from policies_engine import CheckedStack
from policies_spellings import CAUGHT, PASSES
from policies_worlds import PROGRAM as PROGRAM_OF_WORLD
from policies_worlds import World

import policies
from policies.config import config_of
from policies.exported_state import resources_of
from program.evaluation import EvaluationError, Worlds, evaluate_worlds
from program.graph import Graph
from program.protocol import UNKNOWNS

CONFIG = config_of("production", today=date(2026, 11, 24))

PROGRAM = """
import json

import pulumi
from pulumi_aws import Provider, cloudwatch, iam, kms

options = pulumi.ResourceOptions(provider=Provider("aws", region="us-east-1"))
key = kms.Key("key", opts=options)
cloudwatch.LogGroup("log", kms_key_id=key.arn, retention_in_days={retention}, opts=options)
iam.RolePolicy("policy", role="r", opts=options, policy=key.arn.apply(lambda arn: json.dumps(
    {{"Statement": [{{"Effect": "Allow", "Action": {action!r}, "Resource": [arn, "*"]}}]}}
)))
"""


def declared(folder: Path, program: str) -> Worlds:
    """Both graphs of a program."""
    (folder / "Pulumi.yaml").write_text("name: dwcp-v3\nruntime: python\n")
    (folder / "Pulumi.production.yaml").write_text("config: {}\n")
    (folder / "__main__.py").write_text(program)
    found = evaluate_worlds(["production"], folder)["production"]
    assert not isinstance(found, EvaluationError), found
    return found


def evaluated(folder: Path, retention: str, action: str = "s3:ListAllMyBuckets") -> Worlds:
    return declared(folder, PROGRAM.format(retention=retention, action=action))


@pytest.fixture(scope="module")
def thirty_days(tmp_path_factory: pytest.TempPathFactory) -> Worlds:
    """The program with a retention of 30 days."""
    return evaluated(tmp_path_factory.mktemp("thirty-days"), "30")


def statuses(worlds: Worlds, rule: str) -> list[str]:
    found = policies.check_worlds(worlds.known.resources, worlds.unknown.resources, "production", CONFIG)
    return [each.status for each in found if each.rule == rule]


@pytest.mark.parametrize(
    ("retention", "expected"),
    [
        ("key.id.apply(lambda name: 365 if name.endswith('-id') else 7)", ["unknown"]),
        ("key.id.apply(lambda name: 7 if name.endswith('-id') else 365)", ["failed", "unknown"]),
        ("7", ["failed"]),
    ],
)
def test_a_value_that_depends_on_an_example_value_does_not_pass(tmp_path: Path, retention: str, expected: list[str]) -> None:
    worlds = evaluated(tmp_path, retention)
    assert sorted(statuses(worlds, "data-log-retention")) == expected
    blocked = policies.check_worlds(worlds.known.resources, worlds.unknown.resources, "production", CONFIG)
    assert any(each.blocks and each.rule == "data-log-retention" for each in blocked)


def test_a_value_that_depends_on_no_example_value_passes(thirty_days: Worlds) -> None:
    assert statuses(thirty_days, "data-log-retention") == []


def test_the_programs_own_part_of_such_a_value_can_fail(tmp_path: Path) -> None:
    """The rest of a policy with an ARN in it is the program's own."""
    assert statuses(evaluated(tmp_path, "30", "s3:*"), "identity-no-wildcard-admin") == ["failed"]


def test_deferred_checks_are_still_listed(thirty_days: Worlds) -> None:
    assert statuses(thirty_days, "data-log-encrypted") == ["deferred"]
    assert statuses(thirty_days, "identity-no-wildcard-admin") == ["deferred"]


SECRETS = """
import pulumi
from pulumi_kubernetes import Provider, core

given = pulumi.Config("dwcp-v3").require_secret("redisPassword")
core.v1.Secret(
    "secret",
    string_data={"password": "hunter2hunter2", "redis-password": given, "url": pulumi.Output.concat("x:", given), "user": "admin"},
    opts=pulumi.ResourceOptions(provider=Provider("kubernetes")),
)
"""


def test_a_literal_secret_is_distinguished_from_the_stacks_secrets(tmp_path: Path) -> None:
    worlds = declared(tmp_path, SECRETS)
    found = policies.check_worlds(worlds.known.resources, worlds.unknown.resources, "production", CONFIG)
    assert [(each.path, each.status) for each in found if each.rule == "workload-secrets-from-stack"] == [
        ("stringData.password", "failed")
    ]


def test_both_worlds_survive_a_round_trip_through_json(thirty_days: Worlds) -> None:
    for graph in (thirty_days.known, thirty_days.unknown):
        assert graph.resources
        assert Graph.from_json(graph.to_json()) == graph


WRONG, RIGHT = CAUGHT[::18][:12], PASSES[::12][:8]
TWENTY = [*WRONG, *RIGHT]
"""Programs from the list of variants and of valid programs that look like a mistake."""

OF_STACK = PROGRAM_OF_WORLD.replace('"world.json"', 'f"{pulumi.get_stack()}.json"')
"""A program that declares other resources in each stack."""


def test_twenty_programs_get_the_same_results_offline(tmp_path: Path) -> None:
    """The programs' results with unknown outputs equal those with all values, and those that the lists state."""
    assert (len(WRONG), len(RIGHT)) == (12, 8)
    (tmp_path / "Pulumi.yaml").write_text("name: dwcp-v3\nruntime: python\n")
    (tmp_path / "__main__.py").write_text(OF_STACK)
    declarations: dict[str, World] = {}
    for index, (_, declare, _) in enumerate(TWENTY):
        world = declarations.setdefault(f"stack-{index}", World())
        declare(world)
        (tmp_path / f"Pulumi.stack-{index}.yaml").write_text("config: {}\n")
        (tmp_path / f"stack-{index}.json").write_text(world.to_json())
    evaluated_worlds = evaluate_worlds(list(declarations), tmp_path)
    offline: dict[str, set[tuple[str, str]]] = {}
    unknown = 0
    for stack, world in declarations.items():
        worlds = evaluated_worlds[stack]
        assert not isinstance(worlds, EvaluationError), worlds
        unknown += any(mark.encode() in worlds.unknown.to_json() for mark in UNKNOWNS)
        found = policies.check_worlds(worlds.known.resources, worlds.unknown.resources, "production", CONFIG)
        offline[stack] = results(found, names_of(world))
    plain = {
        stack: results(policies.check(world.resources(), "production", CONFIG), names_of(world))
        for stack, world in declarations.items()
    }
    assert {stack: offline[stack] ^ plain[stack] for stack in declarations if offline[stack] != plain[stack]} == {}
    assert unknown
    named = [any(rule == found for found, _ in offline[f"stack-{index}"]) for index, (_, _, rule) in enumerate(TWENTY)]
    assert named == [True] * len(WRONG) + [False] * len(RIGHT)


def names_of(world: World) -> set[str]:
    return {each.name for each in world.declared}


@pytest.mark.cloud
def test_twenty_programs_get_the_same_results_in_the_engine_offline_and_on_state(tmp_path: Path) -> None:
    """All of them are stacks of one engine; each is previewed with the pack, applied without it, exported and checked."""
    stack = CheckedStack(tmp_path)
    differing: dict[str, object] = {}
    for name, declare, rule in TWENTY:
        world = World()
        declare(world)
        stack.declare(world)
        _, violations = stack.checked("preview")
        names = names_of(world)
        rules = {rule.name for rule in policies.RULES}
        engine = {(each.rule, each.name) for each in violations if each.rule in rules and each.name in names}
        applied = stack.run("up", "--yes", "--skip-preview", "--stack", stack.stack)
        assert applied.returncode == 0, (name, applied.stdout, applied.stderr)
        exported = json.loads(stack.run("stack", "export", "--stack", stack.stack).stdout)
        state = results(policies.check(resources_of(json.dumps(exported)), "production", CONFIG), names)
        offline = results(policies.check(world.resources(), "production", CONFIG), names)
        assert any(rule == each for each, _ in offline) == ((name, declare, rule) in WRONG), name
        if not engine == offline == state:
            differing[name] = {"engine": engine ^ offline, "state": state ^ offline}
    assert differing == {}


def results(violations: list[policies.Violation], names: set[str]) -> set[tuple[str, str]]:
    found = {(each.rule, each.urn.rpartition("::")[2]) for each in violations if each.status in ("failed", "unknown")}
    return {each for each in found if each[1] in names}
