"""Substitutes for controllers of an EKS cluster that are not part of Kubernetes: target group bindings, volumes, pod metrics.

Each controller is a function that compares the present state with the desired one, and changes what differs. One process calls all
of them once a second, and logs failures; the next call is the retry.
"""
