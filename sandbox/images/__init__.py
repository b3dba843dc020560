"""Images without a registry: a separate Docker engine, and substitutes built from Debian packages."""
