"""Substitutes for the official provider plugins, which no package registry has."""
