"""The middleware in front of moto, which refuses the calls that AWS refuses.

It checks the caller, the caller's permissions, the parameters of the call, and the present state of the account.

Import only :class:`embedded_cloud.front.middleware.Front`, which wraps moto's WSGI application.
"""
