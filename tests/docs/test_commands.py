"""Every fenced command of the runbooks, the handbook and the pages on operating is run against the embedded cloud.

The runbooks name production, because an engineer copies their commands during an incident. The tests run them with ``local``.
"""

from __future__ import annotations

from functools import cache

import pytest
from fences import Fence, fences
from standing import standing

from sandbox.project import PROJECT

pytestmark = pytest.mark.cloud

TESTED = [each for each in fences() if not each.reason and each.page != "disaster"]  # test_disaster.py runs those of disaster.md


@cache
def output_of(text: str) -> str:
    """The output of a block, whose changes are reverted; a block on several pages runs once."""
    platform = standing()
    platform.wait("the platform is ready", platform.settled, seconds=120)
    output = platform.shell(text)
    if "rollout restart" in text:
        platform.wait("the platform is ready again", platform.settled, seconds=120)
    return output


@pytest.mark.parametrize("fence", TESTED, ids=map(str, TESTED))
def test_the_commands_of_a_page_work(fence: Fence) -> None:
    output_of(fence.text.replace("production", PROJECT.stack))


def test_the_platform_is_healthy_after_all_commands() -> None:
    platform = standing()
    platform.wait("the platform is ready", platform.settled, seconds=120)
    report = platform.doctor()
    assert (report["findings"], report["unchecked"]) == ([], [])
