"""The embedded cloud: moto for AWS, a real Kubernetes control plane, and providers that stand in for the official ones."""
