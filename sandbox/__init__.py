"""What the embedded cloud of DWCP v3 has beyond any other: simulated load, pods that fail on demand, monitoring, a summary."""
