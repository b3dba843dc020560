"""DWCP v3's additions to the embedded cloud: simulated load, pods that fail on demand, monitoring, a summary."""
