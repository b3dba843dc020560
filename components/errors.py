"""The base exception of the platform program."""

import pulumi


class ComponentsError(pulumi.RunError):
    """An input that the program rejects, with one message for the user.

    It is a ``RunError`` because Pulumi prints a ``RunError`` without a traceback.
    """
