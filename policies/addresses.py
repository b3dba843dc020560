"""Networks by their width."""

from __future__ import annotations

from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_network

from policies.errors import WrongTypeError

NARROWEST_WORLD = {4: 8, 6: 16}
"""Prefix length below which a network counts as the internet: no organisation has more, and two halves are all of it."""


@cache
def is_internet(source: str) -> bool:
    """Whether a source is so wide that it counts as the internet."""
    try:
        network: IPv4Network | IPv6Network = ip_network(source, strict=False)
    except ValueError as error:
        raise WrongTypeError(f"the source {source!r} is not a network", "write it as 10.0.0.0/16") from error
    return network.prefixlen < NARROWEST_WORLD[network.version]
