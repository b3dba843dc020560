"""The middleware in front of moto, which refuses the calls that AWS would refuse.

It checks the caller, the caller's permissions, the parameters of the call, and the present state of the account.

The middleware is :class:`embedded_cloud.front.middleware.Front`, which wraps moto's WSGI application.
"""
