"""Decides whether a set of networks is so large that it counts as the internet."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network

from policies.errors import WrongTypeError

LARGEST_OWNED = {4: 2**24, 6: 2**112}
"""By IP version: the number of public addresses above which networks count as the internet. Few organisations own more."""


def internet_in(sources: Iterable[str]) -> str:
    """Text for a message if ``sources`` count as the internet, otherwise ``""``.

    The text is the first source that alone is too large. If the sources of an IP version are too large only together, the text has
    the number of these sources. Only public addresses count. Raises ``WrongTypeError`` if a source is not a network.
    """
    networks = {source: _network(source) for source in sources}
    for source, network in networks.items():
        if _public_addresses([network]) > LARGEST_OWNED[network.version]:
            return source
    for version, most in LARGEST_OWNED.items():
        same = [network for network in networks.values() if network.version == version and not network.is_private]
        if _public_addresses(same) > most:
            return f"{len(same)} networks, which are together a large part of the internet"
    return ""


def _network(source: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(source, strict=False)
    except ValueError as error:
        raise WrongTypeError(f"the source {source!r} is not a network", "write a network such as 10.0.0.0/16") from error


def _public_addresses(networks: Iterable[IPv4Network | IPv6Network]) -> int:
    """The number of public addresses in networks of one IP version. An address in several networks counts once."""
    return sum(each.num_addresses for each in collapse_addresses(each for each in networks if not each.is_private))  # pyright: ignore
