"""The picture of the Grafana dashboard: its layout, with series that a Prometheus of the sandbox has recorded.

``python -m tools.dashboard_picture FILE`` records the series of the last half hour from the sandbox of this checkout. The test of
docs/tutorial.md does this after its rollouts. The picture is drawn from the recording, so that a changed threshold or layout needs
no new recording.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from components.monitoring.dashboard import COLUMNS, TRACKS, Panel, rows
from delivery.clients.environment import Environment
from delivery.clients.prometheus import PrometheusClient
from program.checkout import CHECKOUT

PICTURE = Path("docs/images/dashboard.svg")
RECORDING = PICTURE.with_suffix(".json")
"""The recording: the time of the first value, the seconds between two values, and the series of each panel, with their names."""

RECORDED_SECONDS, STEP_SECONDS = 1800, 30

COLUMN_PIXELS, ROW_PIXELS, HEADING_PIXELS = 40, 20, 26
LETTER_PIXELS = 6
"""The approximate width of a letter in a legend."""
LEGEND_LINES = 2
COLOURS = ("#b86e00", "#0a62c4", "#1a8a4f", "#8036a8", "#00838f", "#6b6b6b")
STYLE = (
    "text{font:11px Helvetica,Arial,sans-serif;fill:#555}.row,.panel{font-size:12px;fill:#222}.row{font-weight:bold}"
    ".end,.limit{text-anchor:end}.good,.bad{font-size:28px;text-anchor:middle}.good{fill:#1a8a4f}.bad,.limit{fill:#c22}"
    ".limit{paint-order:stroke;stroke:#fff;stroke-width:3px}path{fill:none;stroke-width:1.5;stroke-linecap:round;stroke-linejoin:round}"
)

Series = tuple[str, list[float | None]]


def recorded(prometheus: PrometheusClient) -> dict[str, Any]:
    """A recording of the last ``RECORDED_SECONDS``, without the time before the first value."""
    end = int(time.time())
    times = range(end - RECORDED_SECONDS, end + 1, STEP_SECONDS)
    panels = {panel.title: list(_queried(prometheus, panel, times)) for row in rows() for panel in row.panels}
    every = [values for series in panels.values() for _, values in series]
    start = next((index for index in range(len(times)) if any(values[index] is not None for values in every)), 0)
    return {
        "start": datetime.fromtimestamp(times[start], UTC).isoformat(),
        "step": STEP_SECONDS,
        "panels": {title: [(name, values[start:]) for name, values in series] for title, series in panels.items()},
    }


def _queried(prometheus: PrometheusClient, panel: Panel, times: range) -> Iterator[Series]:
    """The series of a panel, for all values of the dashboard's variable ``track``."""
    for query, legend in panel.queries:
        options = {"query": query.replace(TRACKS, ".*"), "start": times[0], "end": times[-1], "step": times.step}
        found: list[dict[str, Any]] = prometheus.get(f"/api/v1/query_range?{urlencode(options)}")["data"]["result"]
        for each in sorted(found, key=lambda each: sorted(each["metric"].items())):
            labels: dict[str, str] = each["metric"]
            name = re.sub(r"{{(\w+)}}", lambda match, labels=labels: labels.get(match[1], ""), legend)
            # Prometheus' NaN means that there is nothing to measure.
            values = {int(at): float(f"{float(value):.4g}") for at, value in each["values"] if value != "NaN"}
            yield name.strip(), [values.get(at) for at in times]


def picture(recording: dict[str, Any]) -> str:
    """The dashboard as SVG, with the series in ``recording``. A panel that ``recording`` does not contain has no lines."""
    body: list[str] = []
    top = 0
    for row in rows():
        body.append(_text(8, top + 18, row.title, "row"))
        top += HEADING_PIXELS
        for left, below, panel in _placed(row.panels):
            body += _drawn(panel, recording, left * COLUMN_PIXELS, top + below * ROW_PIXELS)
        top += max(below + panel.height for _, below, panel in _placed(row.panels)) * ROW_PIXELS
    width = COLUMNS * COLUMN_PIXELS
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {top}" width="{width}" height="{top}">\n'
        f'<style>{STYLE}</style>\n<rect width="{width}" height="{top}" fill="#f4f5f5"/>\n' + "\n".join(body) + "\n</svg>\n"
    )


def _placed(panels: tuple[Panel, ...]) -> Iterator[tuple[int, int, Panel]]:
    """Yield the column, the grid row and the panel itself, as the dashboard builder of Grafana's SDK places each panel."""
    left = below = 0
    for panel in panels:
        yield left, below, panel
        left += panel.width
        if left >= COLUMNS:
            left, below = 0, below + panel.height


def _drawn(panel: Panel, recording: dict[str, Any], left: int, top: int) -> Iterator[str]:
    width, height = panel.width * COLUMN_PIXELS - 6, panel.height * ROW_PIXELS - 6
    yield f'<rect x="{left + 3}" y="{top}" width="{width}" height="{height}" fill="#fff" stroke="#c7c8c9"/>'
    yield _text(left + 12, top + 18, panel.title, "panel")
    series: list[Series] = recording["panels"].get(panel.title, [])
    values = [value for _, points in series for value in points if value is not None]
    if not values:
        yield _text(left + 12, top + height // 2, "no data" if panel.title in recording["panels"] else "not recorded yet")
    elif panel.single:
        is_bad = panel.threshold is not None and (values[-1] < panel.threshold) == (panel.bad == "<")
        yield _text(left + width // 2, top + height // 2 + 12, shown_in(panel.unit, values[-1]), "bad" if is_bad else "good")
    else:
        yield from _graph(panel, series, recording, _Plot.of(panel, values, left, top, len(series[0][1])))


@dataclass(frozen=True, kw_only=True)
class _Plot:
    """The area of a panel's lines, the values at its lower and upper edge, and the number of points of a line."""

    left: int
    right: int
    top: int
    bottom: int
    low: float
    high: float
    points: int

    @classmethod
    def of(cls, panel: Panel, values: list[float], left: int, top: int, points: int) -> _Plot:
        """The plot of a panel at a place. Its range of values includes zero and the threshold."""
        edges = (0.0, *values, *([] if panel.threshold is None else [panel.threshold]))
        low = min(edges)
        high = max(edges) if max(edges) > low else low + 1
        right, bottom = left + panel.width * COLUMN_PIXELS - 14, top + panel.height * ROW_PIXELS - 54
        return cls(left=left + 78, right=right, top=top + 30, bottom=bottom, low=low, high=high, points=points)

    def x(self, index: int) -> float:
        """The horizontal place of a point."""
        return round(self.left + (self.right - self.left) * index / max(1, self.points - 1), 1)

    def y(self, value: float) -> float:
        """The vertical place of a value."""
        return round(self.bottom - (self.bottom - self.top) * (value - self.low) / (self.high - self.low), 1)


def _graph(panel: Panel, series: list[Series], recording: dict[str, Any], plot: _Plot) -> Iterator[str]:
    yield f'<path d="M{plot.left} {plot.top}V{plot.bottom}H{plot.right}" stroke="#c7c8c9"/>'
    yield _text(plot.left - 5, plot.top + 8, shown_in(panel.unit, plot.high), "end")
    yield _text(plot.left - 5, plot.bottom, shown_in(panel.unit, plot.low), "end")
    first = datetime.fromisoformat(recording["start"]).timestamp()
    last = first + recording["step"] * (plot.points - 1)
    yield _text(plot.left, plot.bottom + 14, f"{datetime.fromtimestamp(first, UTC):%H:%M}")
    yield _text(plot.right, plot.bottom + 14, f"{datetime.fromtimestamp(last, UTC):%H:%M}", "end")
    for index, (_, values) in enumerate(series):
        yield f'<path d="{_line(values, plot)}" stroke="{COLOURS[index % len(COLOURS)]}"/>'
    if panel.threshold is not None:
        y = plot.y(panel.threshold)
        label = y + 13 if y < plot.top + 14 else y - 4
        yield f'<path d="M{plot.left} {y}H{plot.right}" stroke="#c22" stroke-dasharray="6 4"/>'
        yield _text(plot.right - 2, label, f"{panel.bad} {shown_in(panel.unit, panel.threshold)}", "limit")
    yield from _legend(panel, [name for name, _ in series], plot)


def _line(values: list[float | None], plot: _Plot) -> str:
    """The path of a series, interrupted where it has no value. ``h0`` makes a single point visible."""
    parts: list[str] = []
    for index, value in enumerate(values):
        if value is not None:
            start = index == 0 or values[index - 1] is None
            end = index == len(values) - 1 or values[index + 1] is None
            parts.append(f"{'M' if start else ''}{plot.x(index):g} {plot.y(value):g}{'h0' if end else ''}")
    return " ".join(parts)


def _legend(panel: Panel, names: list[str], plot: _Plot) -> Iterator[str]:
    """The names of the series with their colors. If the names do not fit, the number of series and their labels."""
    left, lines, used = plot.left - 66, [""], 0
    for index, name in enumerate(names):
        length = (len(name) + 4) * LETTER_PIXELS
        if used and left + used + length > plot.right:
            lines.append("")
            used = 0
        used += length
        lines[-1] += f'<tspan fill="{COLOURS[index % len(COLOURS)]}">■</tspan> {escape(name)}\N{NO-BREAK SPACE} '
    if len(lines) > LEGEND_LINES:
        labels = re.findall(r"{{(\w+)}}", " ".join(legend for _, legend in panel.queries))
        lines = [f"{len(names)} \N{MULTIPLICATION SIGN} {', '.join(labels)}"]
    for number, line in enumerate(lines):
        yield f'<text x="{left}" y="{plot.bottom + 28 + 13 * number}">{line}</text>'


def shown_in(unit: str, value: float) -> str:
    """A value with three significant digits, in one of Grafana's units."""
    match unit:
        case "bool_on_off":
            return "on" if value else "off"
        case "percentunit":
            return f"{_digits(value * 100)} %"
        case "s":
            return f"{_digits(value * 1000)} ms" if 0 < value < 1 else f"{_digits(value)} s"
        case "reqps":
            return f"{_digits(value)} req/s"
        case "Bps":
            return f"{_digits(value / 1e6)} MB/s"
        case "bytes":
            return f"{_digits(value / 2**20)} MiB"
        case _:
            return _digits(value)


def _digits(value: float) -> str:
    return f"{float(f'{value:.3g}'):g}"  # the second format writes 1000 instead of 1e+03


def _text(x: float, y: float, text: str, kind: str = "axis") -> str:
    return f'<text x="{x:g}" y="{y:g}" class="{kind}">{escape(text)}</text>'


def files() -> dict[Path, str]:
    """The picture, by its path in the checkout."""
    return {PICTURE: picture(json.loads((CHECKOUT / RECORDING).read_text()))}


def main(file: Path) -> None:
    """Write a recording of the sandbox's Prometheus to ``file``, one panel per line."""
    try:
        recording = recorded(PrometheusClient.of(Environment.open("local")))
    except (OSError, ValueError) as error:
        sys.exit(f"error: the sandbox's Prometheus does not answer: {error}\n  fix: make up monitoring")
    panels = ",\n".join(f"{json.dumps(title)}: {json.dumps(series)}" for title, series in recording.pop("panels").items())
    file.write_text(f'{json.dumps(recording)[:-1]}, "panels": {{\n{panels}\n}}}}\n')


if __name__ == "__main__":
    main(Path(sys.argv[1]))
