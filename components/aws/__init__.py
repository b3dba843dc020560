"""The components on AWS: network, load balancer, cluster, logs, buckets, and access.

``__main__.py`` uses ``network``, ``load_balancer``, ``cluster`` (with ``nodes``, ``security_groups`` and ``controllers``),
``logs``, ``artifacts`` and ``caller``. For every package: ``addresses`` (the address plan), ``iam`` (policy documents as types),
``kubeconfig``, ``names`` and ``tags``.
"""
