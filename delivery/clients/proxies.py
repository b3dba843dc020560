"""Excludes local addresses from the proxies; all clients and child processes read the exclusions from the environment."""

from __future__ import annotations

from collections.abc import MutableMapping

from contract import NO_PROXY_HOSTS

VARIABLES = ("NO_PROXY", "no_proxy")
"""Some clients read one and some the other, and ignore the second if the first is set."""


def bypass_for_local_addresses(variables: MutableMapping[str, str]) -> None:
    """Add this machine and the cluster's own names to the addresses in ``variables`` that use no proxy."""
    given = next((variables[name] for name in VARIABLES if variables.get(name)), "")
    hosts = dict.fromkeys([*filter(None, (host.strip() for host in given.split(","))), *NO_PROXY_HOSTS])
    for name in VARIABLES:
        variables[name] = ",".join(hosts)
