"""``python -m delivery`` is ``dwcp``."""

from delivery.cli.app import main

main()
