"""The embedded aws provider: one small class per resource type, over the AWS API that moto answers."""
