"""Which addresses a proxy is not asked for; every client here, and each process that is started, reads it from the environment."""

from __future__ import annotations

from collections.abc import MutableMapping

from contract import NO_PROXY_HOSTS

VARIABLES = ("NO_PROXY", "no_proxy")
"""Some clients read one, some the other, and the first that is set hides the second."""


def bypass_for_local_addresses(variables: MutableMapping[str, str]) -> None:
    """Add this machine and the cluster's own names to what ``variables`` exempts from its proxies."""
    given = next((variables[name] for name in VARIABLES if variables.get(name)), "")
    hosts = dict.fromkeys([*filter(None, (host.strip() for host in given.split(","))), *NO_PROXY_HOSTS])
    for name in VARIABLES:
        variables[name] = ",".join(hosts)
