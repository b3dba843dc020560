"""Excludes local addresses from the proxy settings, in the environment variables that clients and child processes read."""

from __future__ import annotations

from collections.abc import MutableMapping

from contract import NO_PROXY_HOSTS

VARIABLES = ("NO_PROXY", "no_proxy")
"""Both variables are set, because some clients read only the first, and others only the second."""


def bypass_for_local_addresses(variables: MutableMapping[str, str]) -> None:
    """Add this machine and the cluster's internal names to ``NO_PROXY`` and ``no_proxy`` in ``variables``."""
    given = next((variables[name] for name in VARIABLES if variables.get(name)), "")
    hosts = dict.fromkeys([*filter(None, (host.strip() for host in given.split(","))), *NO_PROXY_HOSTS])
    for name in VARIABLES:
        variables[name] = ",".join(hosts)
