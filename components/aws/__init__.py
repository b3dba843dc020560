"""The components on AWS: network, load balancer, cluster, logs, buckets, and access."""
