"""The one account of the embedded cloud."""

from __future__ import annotations

import os

from moto.core.models import DEFAULT_ACCOUNT_ID

ACCOUNT = os.environ.get("MOTO_ACCOUNT_ID", DEFAULT_ACCOUNT_ID)
"""The account's id. moto reads the same environment variable, and serves every request in this account."""
