"""One door to each outside system: Pulumi, Kubernetes, load balancer, Prometheus, AWS; and the environment they belong to."""
