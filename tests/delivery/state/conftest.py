"""A versioned bucket with the state of one stack in it."""

from __future__ import annotations

import pytest
from accounts import Account
from state_files import state

from delivery.clients.checkpoint import States
from delivery.clients.state_backend import Backend


@pytest.fixture
def states(account: Account) -> States:
    bucket = f"state-{account.name}"
    s3 = account.aws("s3")
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    states = States(account, Backend(bucket=bucket, prefix="dwcp-v3"))
    states.write(state())
    return states
