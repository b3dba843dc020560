"""The controllers that EKS has and a bare control plane lacks: target group bindings, volumes, pod metrics.

Each controller is a function that compares the present state with the desired one, and changes what differs. One process calls all
of them once a second, and logs failures; the next call is the retry.
"""
