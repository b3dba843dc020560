"""Substitutes for the official provider plugins, which are not in any package registry."""
