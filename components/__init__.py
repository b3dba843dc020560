"""The platform's components, one package per domain. ``__main__.py`` creates and connects them.

``settings`` is the only package that reads the configuration; ``aws``, ``account``, ``workload``, ``monitoring`` and ``compose``
declare resources. ``component`` contains the base class of components. ``field_owners`` lists the properties that the program does
not own after creation. ``protection`` protects resources with data, ``providers`` creates the providers of each stack, and
``errors`` contains the base exception.
"""
