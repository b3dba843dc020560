"""The names of the Docker stack's images. Substitutes are built under these names."""

from __future__ import annotations

from components.compose._service import plain
from components.compose.compose_file import DEFAULTS
from components.compose.services import stack
from program.checkout import CHECKOUT as ROOT
from sandbox.images.substitutes import APP, BASE, DOCKERFILE, ensure, node_image

__all__ = ["APP", "BASE", "DOCKERFILE", "IMAGES", "ROOT", "ensure", "node_image"]

IMAGES = {service.name: plain(service.image) for service in stack(DEFAULTS).services}
"""Service -> real image name."""
