"""The ``dwcp`` command: ``app.main`` is its entry point, and a module per command has its options and wiring.

A command imports what it needs inside its function, so that help is fast; a test lists what the help may import. No other package
imports this one.
"""
