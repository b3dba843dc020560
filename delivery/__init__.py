"""Everything that happens to the platform after it is written: preview, deploy, rollout, rollback, and a look at how it is."""
