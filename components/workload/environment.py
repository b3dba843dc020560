"""The service's environment variables, in Kubernetes and in Docker (guide: Environment Variables).

To add a variable, add one line here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from components.settings import Settings

Text = TypeVar("Text")


@dataclass(frozen=True, kw_only=True)
class Place(Generic[Text]):
    """The values that differ between a pod and a container of the Docker stack."""

    redis_url: Text
    """The URL of Redis, without the password."""
    redis_password_file: str
    home: str


def service_environment(settings: Settings, place: Place[Text]) -> dict[str, str | Text]:
    """The environment variables by name. No value is secret: for a secret, the variable contains the path of its file."""
    application, dwcp = settings.application, settings.dwcp
    return {
        "NODE_ENV": settings.environment.name,
        "PORT": str(application.port),
        "LOG_LEVEL": application.log_level,
        "PROMETHEUS_PORT": str(application.metrics_port),
        "REDIS_URL": place.redis_url,
        "REDIS_PASSWORD_FILE": place.redis_password_file,
        "DWCP_VERSION": dwcp.version,
        "MAX_CONNECTIONS": str(dwcp.max_connections),
        "BUFFER_SIZE": str(dwcp.buffer_size_bytes),
        "HOME": place.home,
    }
