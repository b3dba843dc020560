"""One client for each outside system, and the environment that they belong to.

``environment`` has ``Environment``: settings, outputs, variables, and the clients of an environment. The clients are ``pulumi``
(``Engine``), ``kubernetes`` (``KubernetesClient``), ``load_balancer`` (``WeightedRule``), ``prometheus`` (``Prometheus``),
``service`` (``Service``), ``docker_compose`` (``DockerStack``) and ``aws``. ``waiting`` and ``work_folder`` are for any of
them.
"""
