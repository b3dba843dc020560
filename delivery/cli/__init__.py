"""One module per command, with its options and its flow. Slow imports are inside the functions, so that help is fast."""
