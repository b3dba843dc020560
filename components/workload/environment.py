"""The service's environment variables, wherever it runs (guide: Environment Variables). A new one is a line here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from components.settings import Settings

Text = TypeVar("Text")


@dataclass(frozen=True, kw_only=True)
class Place(Generic[Text]):
    """What settings alone do not decide: it differs between a pod and a container of the Docker stack."""

    redis_url: Text
    """Without the password."""
    redis_password_file: str
    home: str


def service_environment(settings: Settings, place: Place[Text]) -> dict[str, str | Text]:
    """Each variable's value by its name. None is secret: a variable holds the path of the file that has the secret."""
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
