"""Substitutes for controllers of an EKS cluster that are not part of Kubernetes: target group bindings, volumes, pod metrics.

One process runs all substitutes. It calls the ``reconcile`` functions of target group bindings and of volumes about once a second,
and logs failures; the next call is the retry. An HTTP server in the same process serves the pod metrics.
"""
