"""Substitutes for the official provider plugins, whose programs are not in any package registry."""
