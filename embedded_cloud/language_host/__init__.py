"""The part of the official Python language host that an embedded cloud needs, in Python."""
