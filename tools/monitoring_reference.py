"""The generator of the tables in docs/monitoring.md and of the dashboard's picture, from the objectives."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path

from components.monitoring import rule_files
from components.monitoring.alerts import OBJECTIVES
from components.monitoring.dashboard import COLUMNS, Panel, rows
from components.monitoring.gates import gates
from components.monitoring.objectives import BURN_RATES, SLO_DAYS, SLOS, Objective, Unit
from components.monitoring.promql import duration
from tools.generated_blocks import file_with

MONITORING_PAGE = Path("docs/monitoring.md")
PICTURE = Path("docs/dashboard.svg")

COLUMN_PIXELS, ROW_PIXELS, HEADING_PIXELS = 40, 11, 26


def shown(value: float, unit: Unit) -> str:
    """A threshold with its unit, for a table."""
    match unit:
        case "ratio":
            return f"{value * 100:g} %"
        case "seconds":
            return f"{value:g} s"
        case "bytes per second":
            return f"{value / 1e6:g} MB/s"
        case "state":
            return f"{value:g}"
        case _:
            return f"{value:g} {unit}"


def alert_table() -> str:
    """The table of alerts, with condition, severity and runbook."""
    lines = ["| alert | severity | fires when | for | traffic needed | runbook |", "|---|---|---|---|---|---|"]
    lines += [_objective_row(objective) for objective in OBJECTIVES]
    for slo in SLOS:
        for rate in BURN_RATES:
            windows = f"{duration(rate.long_seconds)} and {duration(rate.short_seconds)}"
            when = (
                f"more than {rate.factor * slo.budget * 100:.3g} % of requests miss the objective over both {windows}; "
                f"this share uses {rate.budget_part * 100:g} % of the {SLO_DAYS}-day error budget in {duration(rate.long_seconds)} "
                f"(objective: {slo.description} are at least {slo.target * 100:.4g} % of all requests)"
            )
            traffic = f"{rule_files.minimum_requests(rate.long_seconds)} in {duration(rate.long_seconds)}"
            lines.append(_row(rule_files.burn_alert_name(slo, rate), rate.severity, when, "", traffic, slo.runbook))
    for source, (start, _, severity) in rule_files.PRESENCE.items():
        when = f"no metrics of {source}"
        lines.append(
            _row(f"{start}MetricsAbsent", severity, when, duration(rule_files.ABSENT_SECONDS), "", rule_files.ABSENT_RUNBOOK)
        )
    return "\n".join(lines) + "\n"


def _objective_row(objective: Objective) -> str:
    side = "above" if objective.breach == ">" else "below"
    window = (
        f" over {duration(objective.window_seconds)}" if f"[{duration(objective.window_seconds)}]" in objective.expression else ""
    )
    traffic = f"{objective.minimum_requests} in {duration(objective.window_seconds)}" if objective.minimum_requests else ""
    return _row(
        objective.name,
        objective.severity,
        f"{side} {shown(objective.threshold, objective.unit)}{window}",
        duration(objective.for_seconds) if objective.for_seconds else "",
        traffic,
        objective.runbook,
    )


def _row(name: str, severity: str, when: str, for_: str, traffic: str, runbook: str) -> str:
    return f"| {name} | {severity} | {when} | {for_} | {traffic} | [{runbook}](runbooks/{runbook}.md) |"


def gate_table() -> str:
    """The table of a rollout's gates."""
    lines = ["| gate | the canary may have | from the objective of |", "|---|---|---|"]
    for gate in gates():
        limit = f"at most {shown(gate.threshold, gate.unit)}"
        if gate.relative is not None:
            limit = f"at most {gate.relative:g} times stable's value; up to {shown(gate.threshold, gate.unit)} always passes"
        lines.append(f"| {gate.name} | {limit} | {gate.objective.name} |")
    return "\n".join(lines) + "\n"


def picture() -> str:
    """The dashboard's layout as SVG. A panel with a threshold has a line with its value."""
    body: list[str] = []
    top = 0
    for row in rows():
        body.append(_text(8, top + 18, row.title, "row"))
        top += HEADING_PIXELS
        for left, below, panel in _placed(row.panels):
            body += _drawn(panel, left * COLUMN_PIXELS, top + below * ROW_PIXELS)
        top += max(below + panel.height for _, below, panel in _placed(row.panels)) * ROW_PIXELS
    width = COLUMNS * COLUMN_PIXELS
    style = "text{font:13px sans-serif;fill:#222}.row{font-weight:bold}.unit{fill:#777;font-size:11px}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {top}" width="{width}" height="{top}">\n'
        f'<style>{style}</style>\n<rect width="{width}" height="{top}" fill="#f4f5f5"/>\n' + "\n".join(body) + "\n</svg>\n"
    )


def _placed(panels: tuple[Panel, ...]) -> Iterator[tuple[int, int, Panel]]:
    """Column and grid row of each panel, as Grafana's builder places them."""
    left = below = 0
    for panel in panels:
        yield left, below, panel
        left += panel.width
        if left >= COLUMNS:
            left, below = 0, below + panel.height


def _drawn(panel: Panel, left: int, top: int) -> list[str]:
    width, height = panel.width * COLUMN_PIXELS - 6, panel.height * ROW_PIXELS - 6
    lines = [f'<rect x="{left + 3}" y="{top}" width="{width}" height="{height}" fill="#fff" stroke="#c7c8c9"/>']
    lines.append(_text(left + 12, top + 20, panel.title))
    lines.append(_text(left + 12, top + height - 8, panel.unit, "unit"))
    if panel.threshold is not None:
        middle = top + height // 2
        lines.append(f'<path d="M{left + 12} {middle}H{left + width - 6}" stroke="#d33" stroke-dasharray="6 4"/>')
        lines.append(_text(left + 12, middle - 4, f"{panel.bad} {panel.threshold:g}", "unit"))
    return lines


def _text(x: int, y: int, text: str, kind: str = "panel") -> str:
    return f'<text x="{x}" y="{y}" class="{kind}">{escape(text)}</text>'


def files() -> dict[Path, str]:
    """The page and the picture, by their paths in the checkout."""
    page = file_with(MONITORING_PAGE, {"alerts": f"\n{alert_table()}\n", "gates": f"\n{gate_table()}\n"})
    return {MONITORING_PAGE: page, PICTURE: picture()}
