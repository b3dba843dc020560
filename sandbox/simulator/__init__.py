"""The load simulator: users, load balancer and pods in one process, so that metrics, health checks and rollouts have real input.

The pods of kwok run no containers. The simulator answers for all pods, over HTTP, as a proxy to the pods.
"""
