"""A front of moto that refuses calls as AWS does: for callers, permissions, parameters and states that moto does not check.

:class:`embedded_cloud.front.middleware.Gate` is the one thing to import; it wraps moto's application.
"""
