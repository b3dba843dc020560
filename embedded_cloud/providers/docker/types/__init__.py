"""The resource types of the embedded docker provider: all classes with a ``token`` in the modules of this package."""

from __future__ import annotations

from embedded_cloud.providers.docker.resource import DockerResource
from embedded_cloud.providers.modelled import import_modules

import_modules(__name__, __path__)

TYPES = DockerResource.types
"""The modelled types by their tokens."""
