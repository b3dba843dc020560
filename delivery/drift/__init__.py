"""What was changed outside Pulumi, and what looks like ours but is in no state."""
