"""One module per command: its options, and what it calls. Heavy imports stay inside the functions, so that help is quick."""
