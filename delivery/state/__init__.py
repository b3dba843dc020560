"""Where the platform's state lies, who may change it, and whether it is whole."""
