"""The embedded kubernetes provider: every kind that the API server knows, by server-side apply.

The local stack and the tests run on it; on AWS the official provider does.
"""
