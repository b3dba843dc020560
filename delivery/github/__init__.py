"""The pipelines, run locally as GitHub runs them, and what they tell GitHub."""
