"""The pipelines: their jobs run locally as on GitHub, their decisions, and their comments and issues on GitHub."""
