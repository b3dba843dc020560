"""Nodes that run containers.

Each node is a set of namespaces with a containerd, a kubelet and a kube-proxy; a bridge connects the nodes. ``cluster`` starts the
nodes and removes their control groups; ``prerequisites`` reports what this machine lacks. ``machines``, ``network``, ``node`` and
``images`` are the parts of ``cluster``; ``load_balancer`` and ``tunnel`` are processes.
"""
