"""What belongs to the account and not to a stack: who the pipelines are, and the limits of what they may make."""
