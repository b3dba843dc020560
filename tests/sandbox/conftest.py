"""The stacks of staging and production, which several test modules share."""

from __future__ import annotations

import pytest
from stacks import Stack, stack


@pytest.fixture(scope="session")
def staging() -> Stack:
    """Staging, applied."""
    return stack("staging")


@pytest.fixture(scope="session")
def production(staging: Stack) -> Stack:
    """Production, applied after staging in the same account."""
    return stack("production")
