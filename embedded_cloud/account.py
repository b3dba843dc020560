"""The AWS account of an embedded cloud: its id, its region, and what it contains before the first update."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, kw_only=True)
class SecretsKey:
    """The KMS key of the stack's secrets provider. ``material`` is 32 characters long.

    The material is fixed, because it encrypts the data key in ``Pulumi.STACK.yaml``, which is a committed file. Anyone who can read
    the project's source can decrypt the stack's secrets, so use only dummy secrets.
    """

    alias: str
    id: str
    material: str


@dataclass(frozen=True, kw_only=True)
class Account:
    """An AWS account in one region."""

    secrets_key: SecretsKey

    id: str = "123456789012"

    region: str = "us-east-1"

    hosted_zones: tuple[str, ...] = ()
    """DNS zones in Route 53, such as ``example.com.``."""

    services: tuple[str, ...] = ()
    """AWS services that the project calls but the embedded provider does not call. moto loads their models when it starts."""

    def to_json(self) -> str:
        """The account as JSON, for the command line of moto's process."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Account:
        """The reverse of :meth:`to_json`."""
        fields = json.loads(text)
        return cls(**{**fields, "secrets_key": SecretsKey(**fields["secrets_key"])})
