"""From a tag to a healthy service, and back: the chains of ``dwcp deploy`` and ``dwcp rollback``."""
