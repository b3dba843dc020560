"""Every fenced command of the runbooks, the handbook and the pages on operating is run against the embedded cloud."""

from __future__ import annotations

from functools import cache

import pytest
from fences import Fence, fences
from standing import Standing, standing

pytestmark = pytest.mark.cloud

RUN = [each for each in fences() if not each.reason and each.page != "disaster"]  # test_disaster.py runs those of disaster.md


@cache
def ran(text: str) -> str:
    """The output of a block, whose changes are reverted; a block on several pages runs once."""
    platform = standing()
    platform.wait("the platform is whole", platform.settled, seconds=120)
    output = platform.shell(text)
    if "rollout restart" in text:
        platform.wait("the platform is whole again", platform.settled, seconds=120)
    return output


@pytest.mark.parametrize("fence", RUN, ids=map(str, RUN))
def test_the_commands_of_a_page_work_as_they_stand_there(fence: Fence) -> None:
    ran(fence.text)


def test_what_is_not_run_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    every = fences()
    reasons = sorted({each.reason for each in every if each.reason})
    done = [each for each in every if not each.reason]
    with capsys.disabled():
        print(f"\n{len(done)} of {len(every)} blocks are run; the others say: {'; '.join(reasons)}")
    assert len(RUN) > 30


def test_the_platform_is_healthy_after_all_of_them() -> None:
    platform: Standing = standing()
    platform.wait("the platform is whole", platform.settled, seconds=120)
    report = platform.doctor()
    assert (report["findings"], report["unchecked"]) == ([], [])
