"""The workload in the cluster: the service on its two tracks, Redis, and their namespace."""
