"""Objectives: each defines its number once, an invalid one is rejected by name, and everything is derived from them."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import promtool_tests as promtool
import pytest
import yaml
from recording import ROOT

import components
from components.monitoring import dashboard, gates, objectives, promql, rule_files
from components.monitoring.alertmanager_config import SAME_THING, WATCHDOG_ALERT
from components.monitoring.alerts import GUIDE_OBJECTIVES, HIGH_ERROR_RATE, HIGH_LATENCY, OBJECTIVES
from components.monitoring.objectives import BURN_RATES, EXPORTED, SLO_DAYS, SLOS, Objective, ObjectiveError, Unit, unique
from tools.generated_blocks import with_block

RUNBOOKS = "https://example.com/runbooks"
LIMIT = 2**31


def rule_file(**how: Any) -> dict[str, Any]:
    return rule_files.rule_file(memory_limit_bytes=LIMIT, cpu_limit_cores=promtool.CPU_LIMIT_CORES, runbooks=RUNBOOKS, **how)


def alerts() -> dict[str, Any]:
    return {each["alert"]: each for each in rule_files.alerts(rule_file())}


def test_the_nine_alerts_of_the_guide_have_its_severities() -> None:
    assert {each.name: each.severity for each in GUIDE_OBJECTIVES} == {
        **dict.fromkeys(("PodRestarts", "DeploymentReplicaMismatch", "RedisDown"), "critical"),
        **dict.fromkeys(("HighErrorRate", "HighLatency", "LowThroughput"), "warning"),
        **dict.fromkeys(("HighMemoryUsage", "HighCpuUsage", "LowDiskSpace"), "warning"),
    }


def test_the_alerts_have_the_thresholds_of_the_guide() -> None:
    numbers = {each.name: (each.breach, each.threshold, each.unit) for each in GUIDE_OBJECTIVES}
    assert numbers["HighErrorRate"] == (">", 0.05, "ratio")
    assert numbers["HighLatency"] == (">", 1, "seconds")
    assert numbers["LowThroughput"] == ("<", 1e6, "bytes per second")
    assert numbers["HighMemoryUsage"] == (">", 0.9, "ratio")
    assert numbers["HighCpuUsage"] == (">", 0.9, "ratio")  # 1.8 of the 2 cores of the guide's limit
    assert numbers["LowDiskSpace"] == ("<", 0.1, "ratio")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"name": "highErrorRate"}, "has no name in CamelCase"),
        ({"name": ""}, "has no name in CamelCase"),
        ({"runbook": ""}, "has no runbook"),
        ({"runbook": "High Error Rate"}, "has no runbook"),
        ({"description": " "}, "has no description"),
        ({"threshold": 5}, "has a threshold of 5, not between 0 and 1"),
        ({"threshold": 0.0}, "has a threshold of 0.0, not between 0 and 1"),
        ({"threshold": -1, "unit": "seconds"}, "has a threshold of -1, not 0 or more"),
        ({"threshold": float("nan"), "unit": "seconds"}, "has a threshold of nan"),
        ({"window_seconds": 0}, "has a window that is not above 0, or a duration below 0"),
        ({"for_seconds": -1}, "has a window that is not above 0, or a duration below 0"),
        ({"minimum_requests": -1}, "has a minimum of -1 requests"),
        ({"measure": lambda _: "dwcp_failures_total{}"}, "measures dwcp_failures_total, which service does not export"),
        ({"source": "redis"}, "which redis does not export; it exports redis_connected_clients"),
    ],
)
def test_an_invalid_objective_is_refused_with_its_name(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(ObjectiveError, match=re.escape(problem)) as caught:
        replace(HIGH_ERROR_RATE, **change)
    assert repr(change.get("name", "HighErrorRate")) in str(caught.value)


def test_a_duplicate_name_is_refused() -> None:
    with pytest.raises(ObjectiveError, match="'HighErrorRate' is defined twice"):
        unique([HIGH_ERROR_RATE, replace(HIGH_ERROR_RATE, threshold=0.1)])


def test_an_slo_without_an_error_budget_is_refused() -> None:
    with pytest.raises(ObjectiveError, match="SLO 'Perfect' has a target of 1"):
        replace(SLOS[0], name="Perfect", target=1)


def test_every_ratio_of_requests_has_a_minimum_of_requests() -> None:
    for objective in OBJECTIVES:
        if {"dwcp_requests_total", "dwcp_latency_seconds_bucket"} & objective.metrics and objective.unit != "requests":
            assert objective.minimum_requests > 0, objective.name


def test_burn_rates_consume_the_documented_part_of_the_error_budget() -> None:
    assert [(each.factor, each.severity) for each in BURN_RATES] == [
        *((14.4, "critical"), (6, "critical")),
        *((3, "warning"), (1, "warning")),
    ]
    for rate in BURN_RATES:
        assert rate.long_seconds == 12 * rate.short_seconds
        assert rate.factor * rate.long_seconds == pytest.approx(rate.budget_part * SLO_DAYS * objectives.DAY)


def test_every_alert_has_a_severity_a_description_and_an_existing_runbook() -> None:
    assert len(alerts()) == len(OBJECTIVES) + len(SLOS) * len(BURN_RATES) + len(rule_files.PRESENCE) + len({WATCHDOG_ALERT})
    for alert in alerts().values():
        address, _, page = alert["annotations"]["runbook_url"].rpartition("/")
        assert address == RUNBOOKS
        assert (ROOT / "docs" / "runbooks" / page).is_file(), alert["alert"]
        assert alert["labels"]["severity"] in (("none",) if alert["alert"] == WATCHDOG_ALERT else ("critical", "warning"))
        assert alert["annotations"]["description"]


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda each: each.name)
def test_the_command_of_an_alert_selects_no_fewer_pods_than_the_alert(objective: Objective) -> None:
    """An alert on every pod of the namespace needs a command that shows every pod."""
    for app in re.findall(r"-l app=(\S+)", objective.advice.command):
        assert re.search(rf'(job|deployment)="{app}"', objective.expression)


def test_every_source_has_an_alert_for_absent_metrics() -> None:
    assert rule_files.PRESENCE.keys() == EXPORTED.keys() == set(rule_files.ALL_SOURCES)
    absent = {name: each for name, each in alerts().items() if name.endswith("MetricsAbsent")}
    assert len(absent) == len(EXPORTED)
    assert all(each["expr"].startswith("absent(") and each["for"] == "10m" for each in absent.values())
    # Prometheus itself writes `up`, also for a target that is down.
    assert not any(each["expr"].startswith("absent(up{") for each in absent.values())


def test_a_stack_without_kubernetes_has_no_rule_that_needs_it() -> None:
    found = rule_file(sources=("service", "redis", "node"))
    text = rule_files.to_yaml(found)
    assert not any(metric in text for source in ("kube-state-metrics", "kubelet") for metric in EXPORTED[source])
    assert {"HighErrorRate", "RedisDown", "LowDiskSpace", "RedisMetricsAbsent"} <= {
        each["alert"] for each in rule_files.alerts(found)
    }


def test_alerts_that_cannot_work_on_eks_are_excluded() -> None:
    text = rule_files.to_yaml(rule_file()).lower()
    assert "scheduler" not in text
    assert "controller-manager" not in text


def test_the_objectives_import_no_pulumi_package() -> None:
    program = "import sys, components.monitoring.gates; print(sorted(name for name in sys.modules if name.startswith('pulumi')))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_metric_of_the_dashboard_is_exported_or_recorded() -> None:
    recorded = {each["record"] for group in rule_file()["groups"] for each in group["rules"] if "record" in each}
    known = frozenset().union(*EXPORTED.values()) | recorded | {"ALERTS"}
    queries = [query for row in dashboard.rows() for panel in row.panels for query, _ in panel.queries]
    used = {metric for query in queries for metric in re.findall(r"([a-zA-Z_:][\w:]*)\{", query)}
    assert used <= known
    assert used >= EXPORTED["service"] - {"dwcp_latency_seconds_count", "dwcp_latency_seconds_sum"}


def test_the_dashboard_starts_with_the_panels_of_the_guide_and_shows_its_thresholds() -> None:
    titles = [panel.title for panel in dashboard.rows()[0].panels]
    assert titles == ["Request Rate", "Error Rate", "Latency P95", "Active Connections", "Throughput", "Memory Usage"]
    panels = [panel for panel in json.loads(dashboard.dashboard_json())["panels"] if panel["type"] != "row"]
    lines = {
        (panel["description"].partition(":")[0], panel["fieldConfig"]["defaults"]["thresholds"]["steps"][1]["value"])
        for panel in panels
        if panel.get("description")
    }
    assert {(each.name, each.threshold) for each in GUIDE_OBJECTIVES} <= lines


def test_a_panel_can_show_an_objective_of_any_unit() -> None:
    for unit in get_args(Unit):
        objective = replace(HIGH_LATENCY, unit=unit, threshold=0.5)
        assert dashboard.objective_panel(objective, "title", "legend").unit


def test_the_panels_of_a_row_fill_the_grid_without_overlap() -> None:
    board = json.loads(dashboard.dashboard_json())
    seen: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at.get("x", 0), at.get("x", 0) + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & seen, panel["title"]
        assert max(x for x, _ in cells) < dashboard.COLUMNS
        seen |= cells
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    assert [each["name"] for each in board["templating"]["list"]] == ["environment", "track"]
    assert [each["name"] for each in board["annotations"]["list"]] == ["Releases"]


@pytest.fixture
def other_error_ratio(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, ModuleType]]:
    """The modules, reloaded with an ``objectives.py`` in which the threshold of the error rate is 0.03."""
    source = Path(objectives.__file__).read_text()
    assert source.count("ERROR_RATIO = 0.05") == 1
    # The import of the edited modules sets this attribute; monkeypatch restores the usual package afterwards.
    monkeypatch.setattr(components, "monitoring", sys.modules["components.monitoring"])
    for name in [name for name in sys.modules if name.startswith(("components.monitoring", "tools", "promtool_tests"))]:
        monkeypatch.delitem(sys.modules, name)
    edited = ModuleType("components.monitoring.objectives")
    monkeypatch.setitem(sys.modules, edited.__name__, edited)
    exec(compile(source.replace("ERROR_RATIO = 0.05", "ERROR_RATIO = 0.03"), "objectives.py", "exec"), vars(edited))
    package = importlib.import_module("components.monitoring")
    monkeypatch.setattr(package, "objectives", edited, raising=False)
    names = ("rule_files", "dashboard", "gates", "cloudwatch_alarms")
    made = {name: importlib.import_module(f"components.monitoring.{name}") for name in names}
    yield made | {name: importlib.import_module(name) for name in ("promtool_tests", "tools.monitoring_reference")}
    for name in [name for name in sys.modules if name.startswith(("components.monitoring", "tools", "promtool_tests"))]:
        del sys.modules[name]


def test_one_edited_threshold_changes_rule_dashboard_gate_and_unit_test(other_error_ratio: dict[str, ModuleType]) -> None:
    new = other_error_ratio
    made = new["rule_files"].rule_file(memory_limit_bytes=LIMIT, cpu_limit_cores=2, runbooks=RUNBOOKS)
    rule = next(each for each in new["rule_files"].alerts(made) if each["alert"] == "HighErrorRate")
    assert "> 0.03)" in rule["expr"]
    assert "> 0.05)" in alerts()["HighErrorRate"]["expr"]
    [panel] = [panel for panel in new["dashboard"].rows()[0].panels if panel.title == "Error Rate"]
    assert panel.threshold == 0.03
    [gate] = [gate for gate in new["gates"].gates() if gate.name == "error rate"]
    assert gate.threshold == 0.03
    text = new["promtool_tests"].unit_tests("r.yml", memory_limit_bytes=LIMIT, sources=rule_files.ALL_SOURCES)
    case = next(each for each in yaml.safe_load(text)["tests"] if each["name"] == "HighErrorRate: quiet just below")
    errors = next(each for each in case["input_series"] if each["series"].startswith("dwcp_errors_total"))
    per_minute = float(re.findall(r"\+([\d.]+)x", errors["values"])[0])
    assert per_minute / promtool.BUSY_PER_MINUTE == pytest.approx(0.03 * 0.98)
    assert new["cloudwatch_alarms"].ERROR_PERCENT == 3
    assert "3 %" in new["tools.monitoring_reference"].alert_table()


@pytest.mark.parametrize("value", ['a"b', "a}b", "a\\", "a\nb", '"} or vector(1) #'])
def test_label_values_are_escaped(value: str) -> None:
    literal = promql.quoted(value)
    assert re.fullmatch(r'"(?:[^"\\\n]|\\.)*"', literal)
    assert json.loads(literal) == value
    assert promql.series("up", track=value) == f"up{{track={literal}}}"


@pytest.mark.parametrize(("metric", "labels"), [("up{}", {}), ("9up", {}), ("up", {"a-b": "x"}), ("", {})])
def test_an_invalid_name_of_a_metric_or_label_is_refused(metric: str, labels: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="is not the name of a"):
        promql.series(metric, **labels)


@pytest.mark.parametrize(("seconds", "text"), [(0, "0s"), (10, "10s"), (90, "90s"), (300, "5m"), (3600, "1h"), (259200, "3d")])
def test_durations_have_prometheus_format(seconds: int, text: str) -> None:
    assert promql.duration(seconds) == text


def test_gates_query_the_measures_of_the_objectives_for_one_track() -> None:
    found = {gate.name: gate for gate in gates.gates()}
    for gate in found.values():
        query = gate.query("canary", 300)
        assert query == gate.objective.measure(300, track="canary")
        assert query.count('track="canary"') == query.count("dwcp_")
    assert found["error rate"].threshold == HIGH_ERROR_RATE.threshold
    assert 'track="a\\"}"' in promql.request_count(60, track='a"}')


@pytest.mark.parametrize(("threshold", "canary", "passes"), [(0.05, 0.05, True), (0.05, 0.051, False), (0.03, 0.04, False)])
def test_an_absolute_gate_passes_up_to_its_threshold(threshold: float, canary: float, passes: bool) -> None:
    [gate] = [gate for gate in gates.gates(threshold) if gate.name == "error rate"]
    assert gate.passes(canary) is passes


@pytest.mark.parametrize(
    ("canary", "stable", "passes"),
    [(0.3, 0.2, True), (0.31, 0.2, False), (0.09, 0.01, True), (0.1, None, True)],
)
def test_a_relative_gate_compares_with_stable_above_its_floor(canary: float, stable: float | None, passes: bool) -> None:
    [gate] = [gate for gate in gates.gates() if gate.relative]
    assert gate.passes(canary, stable) is passes


def test_a_relative_gate_requires_the_value_of_stable() -> None:
    [gate] = [gate for gate in gates.gates() if gate.relative]
    with pytest.raises(ValueError, match="the value of stable is missing"):
        gate.passes(0.5)


@pytest.mark.parametrize("threshold", [0, 1, 5, -0.1])
def test_an_error_threshold_that_is_not_a_ratio_is_refused(threshold: float) -> None:
    with pytest.raises(ObjectiveError, match="'error rate' has a threshold"):
        gates.gates(threshold)


def test_a_page_without_the_generated_block_is_refused() -> None:
    with pytest.raises(ValueError, match="has 0 blocks 'alerts', not 1"):
        with_block("# Monitoring", "alerts", "x")


def test_objectives_are_immutable() -> None:
    with pytest.raises(AttributeError):
        HIGH_ERROR_RATE.threshold = 1  # pyright: ignore[reportAttributeAccessIssue]
    assert isinstance(HIGH_ERROR_RATE, Objective)


def test_failures_of_monitoring_have_alerts() -> None:
    """Each part of the path from a metric to a person has an alert for its failure."""
    expressions = {name: alert["expr"] for name, alert in alerts().items()}
    assert expressions["Watchdog"] == "vector(1)"
    assert expressions["TargetDown"] == "min by (job, instance, pod, node) (up{}) < 1"
    assert "alertmanager_notifications_failed_total" in expressions["NotificationsFailed"]
    assert expressions["AlertmanagerMetricsAbsent"] == 'absent(alertmanager_build_info{job="alertmanager"})'
    absent = alerts()["AlertmanagerMetricsAbsent"]["annotations"]["description"]
    assert absent == "There are no metrics of Alertmanager, so failed notifications are not noticed."  # TargetDown still fires


def muting_labels(alert: dict[str, Any]) -> dict[str, str]:
    """The labels of an alert that decide which alerts it mutes; a value that depends on the metrics is the label's name."""
    expression = alert["expr"]
    grouped = re.search(r"by \((.*?)\)", expression)
    own = dict.fromkeys(grouped[1].split(", "), "*") if grouped else {}
    kept = dict(re.findall(r'(\w+)="(.*?)"', expression)) if expression.startswith("absent(") else {}
    return {name: value for name, value in {**own, **kept, **alert["labels"]}.items() if name in SAME_THING}


def test_a_critical_alert_mutes_only_warnings_on_the_same_thing() -> None:
    """Two alerts with a label whose value depends on the metrics are a pair if the values can be the same.

    AlertmanagerMetricsAbsent also mutes TargetDown on Alertmanager, because a target with a fixed address has no pod.
    """
    by_severity = {
        severity: {name: muting_labels(each) for name, each in alerts().items() if each["labels"]["severity"] == severity}
        for severity in ("critical", "warning")
    }
    muted = {
        critical: found
        for critical, source in by_severity["critical"].items()
        if (found := {warning for warning, target in by_severity["warning"].items() if _same(source, target)})
    }
    service = {"HighErrorRate", "HighLatency", "LowThroughput", "ErrorsUnderLowTraffic"}
    burns = {f"{slo.name}BudgetBurn{window}" for slo in SLOS for window in ("1d", "3d")}
    declared = {
        **{f"{slo.name}BudgetBurn{window}": service | burns for slo in SLOS for window in ("1h", "6h")},
        "RedisDown": {"RedisMemoryHigh"},
        "PodRestarts": {"KilledForMemory"},
        "NodeNotReady": {"NodeUnderPressure"},
    }
    assert muted == declared, "if Alertmanager must mute these alerts, change this table and the table in docs/monitoring.md"


def _same(source: dict[str, str], target: dict[str, str]) -> bool:
    pairs = [(source.get(name, ""), target.get(name, "")) for name in SAME_THING]
    return all(one == other or (one and other and "*" in (one, other)) for one, other in pairs)
