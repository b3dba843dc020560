"""The embedded aws provider: one small class per resource type, which calls the AWS API of moto."""
