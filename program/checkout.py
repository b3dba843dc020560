"""The checkout whose program and stack files every command works on."""

from __future__ import annotations

from pathlib import Path

CHECKOUT = Path(__file__).parent.parent
