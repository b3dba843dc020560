"""Substitutes for the official provider plugins, whose programs are not in any package registry.

A type of resource is a class in ``aws/types`` or ``docker/types``, in the module of its service.
"""
