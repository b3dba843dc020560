"""The load simulator: users, load balancer and pods in one process, so that metrics, health checks and rollouts have real input.

kwok's pods run no containers. The process answers for all of them, over HTTP, as the pods' proxy.
"""
