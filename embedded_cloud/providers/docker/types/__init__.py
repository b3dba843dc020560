"""The resource types of the embedded docker provider: every class with a ``token`` in a module here. There is no list of them."""

from __future__ import annotations

from embedded_cloud.providers.docker.resource import DockerResource
from embedded_cloud.providers.modelled import import_modules

import_modules(__name__, __path__)

TYPES = DockerResource.types
"""Every type modelled here, by its token."""
