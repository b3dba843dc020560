"""Images without a registry: a Docker engine of our own, and stand-ins made of Debian packages."""
