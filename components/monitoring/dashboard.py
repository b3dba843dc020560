"""The Grafana dashboard, generated from the objectives: a panel shows the threshold of its alert or gate as a line.

Source: https://grafana.com/docs/grafana/latest/observability-as-code/foundation-sdk/
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import DataSourceRef, GraphThresholdsStyleMode, LegendDisplayMode, LegendPlacement
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    Threshold,
    ThresholdsMode,
    VariableOption,
    VariableRefresh,
)

from components.monitoring import promql
from components.monitoring.alerts import (
    HIGH_CPU_USAGE,
    HIGH_ERROR_RATE,
    HIGH_LATENCY,
    HIGH_MEMORY_USAGE,
    LOW_DISK_SPACE,
    LOW_THROUGHPUT,
    LOW_VOLUME_SPACE,
    POD_RESTARTS,
    REDIS_DOWN,
    REPLICA_MISMATCH,
)
from components.monitoring.gates import LATENCY_AGAINST_STABLE
from components.monitoring.objectives import BURN_RATES, HOUR, SLO_DAYS, SLOS, WINDOW_SECONDS, Objective, Unit
from components.monitoring.promql import JOB, REDIS_JOB, Pattern, series
from components.monitoring.rule_files import bad_ratio, budget_left
from contract import APPLICATION, CONNECTIONS_METRIC, REQUESTS_METRIC

UID = APPLICATION
TITLE = "DWCP v3"
FILE = f"{APPLICATION}.json"

TRACKS = Pattern("$track")
DATASOURCE = DataSourceRef(type_val="prometheus", uid="${environment}")
"""Each environment has its own Prometheus, so the selected data source determines the environment."""

GRAFANA_UNIT: dict[Unit, str] = {
    "ratio": "percentunit",
    "seconds": "s",
    "bytes per second": "Bps",
    "cores": "none",
    "replicas": "none",
    "restarts": "none",
    "requests": "short",
    "burn rate": "none",
    "state": "bool_on_off",
}
"""Grafana's unit ids (https://github.com/grafana/grafana, packages/grafana-data/src/valueFormats/categories.ts)."""

GOOD, BAD = "green", "red"
COLUMNS = 24


@dataclass(frozen=True, kw_only=True)
class Panel:
    """The definition of one panel, independent of Grafana's builder."""

    title: str
    queries: tuple[tuple[str, str], ...]
    """Pairs of PromQL and legend."""
    unit: str
    description: str = ""
    threshold: float | None = None
    bad: str = ">"
    """Whether values above (``>``) or below (``<``) the threshold are bad."""
    width: int = 8
    height: int = 8
    single: bool = False
    """Whether the panel shows one number instead of a graph."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A heading and the panels below it."""

    title: str
    panels: tuple[Panel, ...]


def rows() -> tuple[Row, ...]:
    """All rows of the dashboard; the guide's six panels come first."""
    return (
        Row(title="Service", panels=_service()),
        Row(title="Service levels", panels=_service_levels()),
        Row(title="Rollout", panels=_rollout()),
        Row(title="Saturation", panels=_saturation()),
        Row(title="Redis", panels=_redis()),
        Row(title="Health", panels=_health()),
    )


def dashboard_json() -> str:
    """The content of the dashboard's JSON file."""
    board = (
        builders.Dashboard(TITLE)
        .uid(UID)
        .description("Generated from components/monitoring/objectives.py: change it there.")
        .tags([APPLICATION, "generated"])
        .readonly()
        .refresh("30s")
        .time("now-3h", "now")
        .timezone("utc")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(builders.DatasourceVariable("environment").label("Environment").type("prometheus"))
        .with_variable(_track_variable())
        .annotation(_releases())
    )
    numbers = count(1)
    for row in rows():
        board = board.with_row(builders.Row(row.title).id(next(numbers)))
        for panel in row.panels:
            board = board.with_panel(_built(panel).id(next(numbers)))
    return JSONEncoder(sort_keys=True, indent=2).encode(board.build()) + "\n"


def objective_panel(objective: Objective, title: str, legend: str, query: str | None = None, *, width: int = 8) -> Panel:
    """A panel that shows an objective's measure, and the objective's threshold as a line."""
    return Panel(
        title=title,
        queries=((query or objective.measure(objective.window_seconds), legend),),
        unit=GRAFANA_UNIT[objective.unit],
        description=f"{objective.name}: {objective.severity} when {objective.breach} {objective.threshold:g} ({objective.unit}).",
        threshold=objective.threshold,
        bad=objective.breach,
        width=width,
    )


def _service() -> tuple[Panel, ...]:
    """The six pre-configured panels of the guide (Grafana Dashboards)."""
    connections = f"sum by (track) ({series(CONNECTIONS_METRIC, job=JOB, track=TRACKS)})"

    def on_tracks(measure: Callable[..., str]) -> str:
        return measure(WINDOW_SECONDS, track=TRACKS)

    return (
        Panel(title="Request Rate", queries=((on_tracks(promql.request_rate), "{{track}}"),), unit="reqps"),
        objective_panel(HIGH_ERROR_RATE, "Error Rate", "{{track}}", on_tracks(promql.error_ratio)),
        objective_panel(HIGH_LATENCY, "Latency P95", "{{track}}", on_tracks(promql.latency)),
        Panel(title="Active Connections", queries=((connections, "{{track}}"),), unit="short"),
        objective_panel(LOW_THROUGHPUT, "Throughput", "service"),
        Panel(
            title="Memory Usage",
            queries=((series("process_resident_memory_bytes", job=JOB, track=TRACKS), "{{pod}}"),),
            unit="bytes",
        ),
    )


def _service_levels() -> tuple[Panel, ...]:
    budgets = [
        Panel(
            title=f"{slo.name} budget left",
            description=f"{slo.target:.2%} of {slo.description}, over {SLO_DAYS} days.",
            queries=((budget_left(slo), slo.name),),
            unit="percentunit",
            threshold=0,
            bad="<",
            width=4,
            single=True,
        )
        for slo in SLOS
    ]
    burns = [
        Panel(
            title=f"{slo.name} budget burn",
            description="At 1 the budget lasts exactly 30 days. The line is the threshold of the fastest alert.",
            queries=tuple(
                (f"{bad_ratio(slo, rate.long_seconds)} / {slo.budget:g}", promql.duration(rate.long_seconds)) for rate in BURN_RATES
            ),
            unit="none",
            threshold=BURN_RATES[0].factor,
        )
        for slo in SLOS
    ]
    return (*budgets, *burns)


def _rollout() -> tuple[Panel, ...]:
    canary = promql.request_rate(WINDOW_SECONDS, "", track="canary")
    share = f"({canary} or vector(0)) / {promql.request_rate(WINDOW_SECONDS, '')}"
    ratio = f"{promql.latency(WINDOW_SECONDS, '', track='canary')} / {promql.latency(WINDOW_SECONDS, '', track='stable')}"
    pods = f"count by (track, version) ({series(REQUESTS_METRIC, job=JOB)})"
    return (
        Panel(title="Rollout percentage", queries=((share, "canary"),), unit="percentunit", width=6),
        Panel(
            title="Errors, canary and stable",
            queries=((promql.error_ratio(WINDOW_SECONDS), "{{track}}"),),
            unit="percentunit",
            threshold=HIGH_ERROR_RATE.threshold,
            width=6,
        ),
        Panel(
            title="P95, canary against stable",
            description="A rollout stops above the line.",
            queries=((ratio, "canary / stable"),),
            unit="none",
            threshold=LATENCY_AGAINST_STABLE,
            width=6,
        ),
        Panel(title="Pods of each release", queries=((pods, "{{track}} {{version}}"),), unit="none", width=6),
    )


def _saturation() -> tuple[Panel, ...]:
    return (
        objective_panel(HIGH_CPU_USAGE, "CPU", "{{pod}}", width=6),
        objective_panel(HIGH_MEMORY_USAGE, "Memory, of the limit", "{{pod}}", width=6),
        objective_panel(LOW_DISK_SPACE, "Disk free", "{{instance}} {{mountpoint}}", width=6),
        objective_panel(LOW_VOLUME_SPACE, "Volumes free", "{{persistentvolumeclaim}}", width=6),
    )


def _redis() -> tuple[Panel, ...]:
    used, most, clients = (
        series(f"redis_{name}", job=REDIS_JOB) for name in ("memory_used_bytes", "memory_max_bytes", "connected_clients")
    )
    return (
        objective_panel(REDIS_DOWN, "Redis up", "redis"),
        Panel(title="Redis memory", queries=((used, "used"), (most, "limit")), unit="bytes"),
        Panel(title="Redis clients", queries=((clients, "clients"),), unit="short"),
    )


def _health() -> tuple[Panel, ...]:
    firing = f"count by (alertname, severity) ({series('ALERTS', alertstate='firing')})"
    return (
        objective_panel(POD_RESTARTS, "Restarts", "{{pod}}"),
        objective_panel(REPLICA_MISMATCH, "Missing replicas", "{{deployment}}"),
        Panel(title="Firing alerts", queries=((firing, "{{severity}} {{alertname}}"),), unit="none"),
    )


def _built(panel: Panel) -> stat.Panel | timeseries.Panel:
    built = stat.Panel() if panel.single else timeseries.Panel().thresholds_style(_line(panel)).legend(_legend())
    built = built.title(panel.title).datasource(DATASOURCE).unit(panel.unit).span(panel.width).height(panel.height)
    if panel.description:
        built = built.description(panel.description)
    if panel.threshold is not None:
        built = built.thresholds(builders.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(_steps(panel)))
    for index, (query, legend) in enumerate(panel.queries):
        target = prometheus.Dataquery().expr(query).legend_format(legend).ref_id("ABCDEFGH"[index]).datasource(DATASOURCE)
        built = built.with_target(target)
    return built


def _line(panel: Panel) -> common_builders.GraphThresholdsStyleConfig:
    mode = GraphThresholdsStyleMode.OFF if panel.threshold is None else GraphThresholdsStyleMode.DASHED
    return common_builders.GraphThresholdsStyleConfig().mode(mode)


def _legend() -> common_builders.VizLegendOptions:
    return (
        common_builders.VizLegendOptions().show_legend(True).display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM)
    )


def _steps(panel: Panel) -> list[Threshold]:
    below, above = (GOOD, BAD) if panel.bad == ">" else (BAD, GOOD)
    return [Threshold(value=None, color=below), Threshold(value=panel.threshold, color=above)]


def _track_variable() -> builders.QueryVariable:
    return (
        builders.QueryVariable("track")
        .label("Track")
        .datasource(DATASOURCE)
        .query(f"label_values({series(REQUESTS_METRIC, job=JOB)}, track)")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(VariableOption(selected=True, text=["All"], value=["$__all"]))
    )


def _releases() -> builders.AnnotationQuery:
    """An annotation at each time at which a version starts to serve on a track."""
    seen = series(REQUESTS_METRIC, job=JOB)
    step = promql.duration(HOUR)
    return (
        builders.AnnotationQuery()
        .name("Releases")
        .enable(True)
        .icon_color("blue")
        .datasource(DATASOURCE)
        .expr(f"count by (track, version) ({seen}) unless count by (track, version) (last_over_time({seen}[{step}] offset 1m))")
        .step("1m")
        .title_format("{{version}}")
        .text_format("now on track {{track}}")
        .tag_keys("track,version")
    )
