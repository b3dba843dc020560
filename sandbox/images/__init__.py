"""Images without a registry: a separate Docker engine, and substitutes made of Debian packages."""
