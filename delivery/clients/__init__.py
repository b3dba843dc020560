"""One door to each outside system, and the environment that they belong to.

``environment`` (``Environment``: settings, outputs, variables, and the clients below where they belong to one), ``pulumi`` (``Engine``), ``kubernetes``
(``KubernetesClient``), ``load_balancer`` (``WeightedRule``), ``prometheus`` (``Prometheus``), ``service`` (``Service``), ``docker_compose``
(``DockerStack``), ``aws`` (errors), ``waiting`` (``wait_until``) and ``work_folder`` (files on this machine).
"""
