"""The platform's components: one module per concern, put together by ``__main__.py``."""
