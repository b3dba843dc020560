"""The service's environment variables, the same in a pod and in the Docker stack: a new variable is one line here."""

from __future__ import annotations

from components.settings import Settings


def service_environment(settings: Settings) -> dict[str, str]:
    """The variables that the settings alone decide; ``REDIS_URL`` and where files lie depend on where the service runs."""
    application, dwcp = settings.application, settings.dwcp
    return {
        "NODE_ENV": settings.environment.name,
        "PORT": str(application.port),
        "LOG_LEVEL": application.log_level,
        "PROMETHEUS_PORT": str(application.metrics_port),
        "DWCP_VERSION": dwcp.version,
        "MAX_CONNECTIONS": str(dwcp.max_connections),
        "BUFFER_SIZE": str(dwcp.buffer_size_bytes),
    }
