"""The one account of the embedded cloud."""

from __future__ import annotations

import os

from moto.core.models import DEFAULT_ACCOUNT_ID

ACCOUNT = os.environ.get("MOTO_ACCOUNT_ID", DEFAULT_ACCOUNT_ID)
"""The account's id, from the environment variable by which moto serves every request in this account."""
