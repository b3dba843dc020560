"""A substitute, in Python, for the part of Pulumi's Python language host that an embedded cloud needs."""
