"""Nodes that run containers. Each is a set of namespaces with a containerd, a kubelet and a kube-proxy; a bridge connects them."""
