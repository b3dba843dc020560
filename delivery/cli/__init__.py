"""The ``dwcp`` command: ``app.main`` is the entry point, and each module defines a command with its options.

A command imports most modules inside its function, so that ``--help`` is fast. A test lists the modules that ``--help`` may import.
No other package imports this one.
"""
