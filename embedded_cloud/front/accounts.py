"""The one account of the embedded cloud."""

from __future__ import annotations

import os

from moto.core.models import DEFAULT_ACCOUNT_ID

ACCOUNT = os.environ.get("MOTO_ACCOUNT_ID", DEFAULT_ACCOUNT_ID)
"""The id of the account; moto serves every request in the account that this environment variable names."""
