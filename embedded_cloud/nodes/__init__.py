"""Nodes that run containers. Each is a set of namespaces with a containerd, a kubelet and a kube-proxy; a bridge connects them.

``cluster`` starts and stops them, and ``prerequisites`` says what this machine lacks. They use ``machines``, ``network``,
``node`` and ``images``; ``load_balancer`` and ``tunnel`` are processes.
"""
