"""The ``dwcp`` command: ``app.main`` is the entry point, and each public module defines a command or a group of commands.

A command reads its options; the work is in the other packages of :mod:`delivery`.

A command imports most modules inside its function, so that ``--help`` is fast. A test lists the modules that ``--help`` may import.
Apart from tests, only ``delivery.__main__`` imports this package.
"""
