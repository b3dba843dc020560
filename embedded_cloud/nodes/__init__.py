"""Nodes that run containers: each a set of namespaces with a containerd, a kubelet and a kube-proxy, on a network of their own."""
