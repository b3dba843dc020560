"""Names that AWS holds once per account and region: staging and production live in one account."""

from __future__ import annotations

from collections import defaultdict

import pytest
from recording import Recorded, run_platform

STACKS = ("local", "staging", "production")

NAME_PROPERTIES = (
    *("name", "bucket", "url", "functionName", "identifier", "clusterIdentifier", "tableName", "roleName", "policyName"),
    *("groupName", "queueName", "topicName", "domainName", "replicationGroupId", "nodeGroupName"),
)
"""The properties that hold a physical name, in any type of the provider."""
NAMED_BY_THEIR_PARENT = ("aws:route53/record:Record", "aws:acm/certificate:Certificate")
"""Records are named after their hosts, which differ by settings, instead of the environment."""


def fixed_names(stack: str) -> list[tuple[Recorded, str]]:
    """Every physical name that the program sets; the provider names the other resources, with a random suffix."""
    return [
        (each, each.inputs[key])
        for each in run_platform(stack).resources
        if each.type.startswith("aws:")
        for key in NAME_PROPERTIES
        # A name that comes from another resource is a reference to that.
        if isinstance(each.inputs.get(key), str) and key not in (each.property_dependencies or {})
    ]


def test_no_physical_name_is_used_by_two_stacks_of_one_account() -> None:
    users: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for stack in ("staging", "production"):
        for each, name in fixed_names(stack):
            users[each.type, name].append(f"{stack}: {each.name}")
    assert {key: found for key, found in users.items() if len(found) > 1} == {}


@pytest.mark.parametrize("stack", STACKS)
def test_every_fixed_name_has_the_environment_in_it(stack: str) -> None:
    wrong = [
        f"{each.type} {name}" for each, name in fixed_names(stack) if each.type not in NAMED_BY_THEIR_PARENT and stack not in name
    ]
    assert wrong == []
