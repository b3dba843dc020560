"""The gate in front of moto, which refuses calls that AWS refuses: it checks callers, permissions, parameters and states.

Import only :class:`embedded_cloud.front.middleware.Front`, which wraps moto's WSGI application.
"""
