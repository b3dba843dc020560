"""The resource types of the embedded aws provider: all classes with a ``token`` in the modules of this package.

Each type has a test case in ``tests/support/aws_cases/``.
"""

from __future__ import annotations

from embedded_cloud.providers.aws.resource import AwsResource
from embedded_cloud.providers.modelled import import_modules

import_modules(__name__, __path__)

TYPES = AwsResource.types
"""The modelled types by their tokens."""


def services() -> set[str]:
    """The AWS services that the types use."""
    return {kind.service for kind in TYPES.values() if kind.service}
