"""Substitutes for controllers of an EKS cluster that are not part of Kubernetes: target group bindings, volumes, pod metrics.

One process runs them all. It calls the ``reconcile`` function of target group bindings and of volumes about once a second, and logs
failures; the next call is the retry. Pod metrics are an HTTP server in the same process.
"""
