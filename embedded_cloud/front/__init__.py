"""What stands before moto and refuses what AWS refuses: callers, permissions, parameters and orders that moto lets pass.

:class:`embedded_cloud.front.gate.Gate` is the one thing to import; it wraps moto's application.
"""
