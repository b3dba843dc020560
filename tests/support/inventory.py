"""What is in moto, type by type, listed by plain boto3 clients: to be held against what the state names."""

from __future__ import annotations

from aws_cases import CASES
from aws_cases.world import Client

Ids = set[tuple[str, str]]
"""Type token and id, as the state has them."""


def inventory(client: Client) -> Ids:
    """Everything of the types that have ids of their own, as their cases list it."""
    listings = {case.token: case.listed for case in CASES if case.listed}
    return {(token, id) for token, listed in listings.items() for id in listed(client)}
