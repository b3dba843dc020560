"""The exception root of the platform program."""

import pulumi


class ComponentsError(pulumi.RunError):
    """Anything the program refuses, as one message for the user.

    It is a ``RunError`` because the engine prints those as they are, and every other exception with its traceback.
    """
