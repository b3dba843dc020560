"""What runs in the cluster: the service on its two tracks, Redis, and what they stand on."""
