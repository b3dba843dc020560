"""``python -m delivery`` is ``dwcp``."""

from delivery.cli import main

main()
