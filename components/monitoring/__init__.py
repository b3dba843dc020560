"""The monitoring, which is generated from one definition: ``objectives``.

``monitoring`` contains the component. Its servers are in ``prometheus``, ``alertmanager``, ``grafana`` and ``exporters``, on
the common objects in ``workloads``; ``operator`` replaces them in a cluster that has the Prometheus Operator, and
``cloudwatch_alarms`` watches the load balancer. The other modules import no cloud SDK and generate files in milliseconds:
``prometheus_config``, ``discovery``, ``rule_files``, ``alerts``, ``alertmanager_config``, ``grafana_config`` and ``dashboard``.
``gates`` contains the objectives of a rollout, and ``promql`` the queries.
"""
