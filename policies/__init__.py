"""The limits of the platform, as a Pulumi policy pack: pure rules by concern, and an adapter for the engine."""
