"""A local cloud for a Pulumi program: moto for AWS, a real Kubernetes control plane, stand-ins for the official providers."""
