"""The platform's components, one package per domain, put together by ``__main__.py``.

``settings`` is the only reader of configuration; ``aws``, ``account``, ``workload``, ``monitoring`` and ``compose`` declare
resources. ``component`` has their base class; ``ownership`` lists the fields that others own, ``protection`` the resources that
are not deleted, ``providers`` the providers of each stack, ``errors`` the exception root.
"""
