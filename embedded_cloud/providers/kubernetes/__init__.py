"""The embedded kubernetes provider: every kind that the API server knows, by server-side apply.

Stacks on an embedded cloud run on it; on AWS the official provider does.
"""
