"""The exception root of the platform program."""

import pulumi


class ComponentsError(pulumi.RunError):
    """An input that the program rejects, as one message for the user.

    It is a ``RunError`` because the engine prints those without a traceback.
    """
