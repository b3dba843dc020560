"""The check whether a network is so large that it counts as the internet."""

from __future__ import annotations

from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_network

from policies.errors import WrongTypeError

NARROWEST_WORLD = {4: 8, 6: 16}
"""By IP version: the prefix length below which a network counts as the internet, because no organisation owns a larger one."""


@cache
def is_internet(source: str) -> bool:
    """Whether the network ``source`` is so large that it counts as the internet. Raises if it is not a network."""
    try:
        network: IPv4Network | IPv6Network = ip_network(source, strict=False)
    except ValueError as error:
        raise WrongTypeError(f"the source {source!r} is not a network", "write it as 10.0.0.0/16") from error
    return network.prefixlen < NARROWEST_WORLD[network.version]
