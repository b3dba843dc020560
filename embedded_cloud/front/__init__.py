"""The gate in front of moto. It checks callers, permissions, parameters and states, and refuses calls that AWS refuses.

Import only :class:`embedded_cloud.front.middleware.Front`, which wraps moto's WSGI application.
"""
