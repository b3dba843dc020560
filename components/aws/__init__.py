"""The AWS side: network, load balancer, cluster, logs, buckets, and who may do what."""
