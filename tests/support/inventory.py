"""The resources in moto, by type, listed by boto3 clients, for a comparison with the state."""

from __future__ import annotations

from aws_cases import CASES
from aws_cases.world import Client

Ids = set[tuple[str, str]]
"""Pairs of type token and id, as in the state."""


def inventory(client: Client) -> Ids:
    """All resources of the types whose cases have ``listed``."""
    listings = {case.token: case.listed for case in CASES if case.listed}
    return {(token, id) for token, listed in listings.items() for id in listed(client)}
