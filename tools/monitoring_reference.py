"""The generator of the tables in docs/monitoring.md, from the objectives."""

from __future__ import annotations

from pathlib import Path

from components.monitoring import rule_files
from components.monitoring.alerts import OBJECTIVES
from components.monitoring.gates import gates
from components.monitoring.objectives import BURN_RATES, SLO_DAYS, SLOS, Objective, Unit
from components.monitoring.promql import duration
from tools.generated_blocks import file_with

MONITORING_PAGE = Path("docs/monitoring.md")


def shown(value: float, unit: Unit) -> str:
    """A threshold with its unit, for a table."""
    match unit:
        case "ratio":
            return f"{value * 100:g} %"
        case "seconds":
            return f"{value:g} s"
        case "bytes per second":
            return f"{value / 1e6:g} MB/s"
        case "state" | "count":
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


def files() -> dict[Path, str]:
    """The page, by its path in the checkout."""
    return {MONITORING_PAGE: file_with(MONITORING_PAGE, {"alerts": f"\n{alert_table()}\n", "gates": f"\n{gate_table()}\n"})}
