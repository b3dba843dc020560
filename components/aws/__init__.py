"""The components on AWS: network, load balancer, cluster, logs, buckets, and access.

``__main__.py`` uses ``network`` (with ``security_groups``), ``load_balancer``, ``cluster`` (with ``nodes`` and ``controllers``),
``logs`` and ``artifacts``. All packages can use ``addresses`` (the address plan), ``caller`` (the check of the caller's access),
``iam`` (policy documents as types), ``kubeconfig`` and ``names``.
"""
