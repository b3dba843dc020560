"""Substitutes for the official aws and docker provider plugins, whose programs are not in any package registry.

Each resource type is a class in a module of ``aws/types`` or ``docker/types``.
"""
