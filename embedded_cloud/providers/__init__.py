"""Stand-ins for the official provider plugins, which cannot be had from a package registry."""
