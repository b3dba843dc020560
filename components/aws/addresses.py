"""The address plan: the subnets of each zone."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network
from itertools import islice

from contract import ZONES

PRIVATE_BITS = 3
PUBLIC_BITS = 6
FIRST_PUBLIC = 48
"""Index of the first public block. Before it are the six private blocks, each of which is as large as eight public blocks."""


def subnet_plan(vpc: IPv4Network, zones: Iterable[str]) -> dict[str, tuple[IPv4Network, IPv4Network]]:
    """The public and the private subnet of each zone, by the zone's letter.

    A zone's addresses depend only on its letter, so adding, removing or reordering zones does not change other subnets. A private
    subnet is eight times as large as a public subnet, because pods get their addresses from private subnets. In 10.0.0.0/16:

    ====  ================  ===============
    zone  public            private
    ====  ================  ===============
    a     10.0.192.0/22     10.0.0.0/19
    b     10.0.196.0/22     10.0.32.0/19
    c     10.0.200.0/22     10.0.64.0/19
    d     10.0.204.0/22     10.0.96.0/19
    e     10.0.208.0/22     10.0.128.0/19
    f     10.0.212.0/22     10.0.160.0/19
    ====  ================  ===============

    The addresses from 10.0.216.0 are not used. Raises ``ValueError`` for a letter that is not in the plan.
    """
    private = list(vpc.subnets(prefixlen_diff=PRIVATE_BITS))
    public = list(islice(vpc.subnets(prefixlen_diff=PUBLIC_BITS), FIRST_PUBLIC, None))
    return {zone: (public[ZONES.index(zone)], private[ZONES.index(zone)]) for zone in zones}
