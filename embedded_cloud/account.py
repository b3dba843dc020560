"""The description of an embedded cloud's AWS account, with its content before the first update."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, kw_only=True)
class SecretsKey:
    """The KMS key of the stack's secrets provider. The key material is fixed, so that ``Pulumi.STACK.yaml`` can be committed.

    ``material`` is 32 characters long. Anyone who can read the project's source can decrypt the secrets, so use only dummy secrets.
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
    """AWS services that the project uses besides those of the embedded provider. moto loads these services in advance."""

    def to_json(self) -> str:
        """The account as an argument of moto's process."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Account:
        """The reverse of :meth:`to_json`."""
        fields = json.loads(text)
        return cls(**{**fields, "secrets_key": SecretsKey(**fields["secrets_key"])})
