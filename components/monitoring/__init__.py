"""Prometheus, bundled or by the operator, and what it watches."""

from components.monitoring.monitoring import Monitoring, MonitoringArgs

__all__ = ["Monitoring", "MonitoringArgs"]
