"""The load simulator: what users, load balancer and pods would do, so that metrics, health checks and rollouts have something real.

kwok's pods run nothing. In their place one process answers for all of them, over HTTP, as the pods' proxy.
"""
