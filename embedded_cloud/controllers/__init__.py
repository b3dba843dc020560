"""What EKS brings and a bare control plane lacks: target group bindings, volumes, pod metrics.

Each controller is a function that compares what is with what should be and closes the gap. One process calls them all
once a second, and a failure of one is logged and tried again, as controllers do.
"""
