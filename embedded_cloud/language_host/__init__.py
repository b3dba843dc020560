"""The part of the official Python language host that the sandbox needs, in Python."""
