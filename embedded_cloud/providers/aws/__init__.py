"""The embedded aws provider: one small class per resource type in ``types``, which calls the AWS API of moto."""
