"""The monitoring, which is generated from the thresholds in ``objectives`` and the alerts in ``alerts``.

``monitoring`` contains the component. Its servers are in ``prometheus``, ``alertmanager``, ``grafana`` and ``exporters``, with
common objects from ``components.workload.workloads``. ``operator`` replaces the servers in a cluster that has the Prometheus
Operator. ``cloudwatch_alarms`` watches the load balancer and the NAT gateways. ``gates`` contains the objectives of a rollout, and
``promql`` the queries. The other modules generate files: ``prometheus_config``, ``discovery``, ``rule_files``,
``alertmanager_config``, ``grafana_config`` and ``dashboard``. Like ``objectives``, ``alerts``, ``gates`` and ``promql``, they
import no cloud SDK.
"""
