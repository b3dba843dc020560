"""The picture of the dashboard shows each panel, with what the recording contains for it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from recording import ROOT

from components.monitoring.dashboard import rows
from tools import dashboard_picture

HALF_HOUR = {"start": "2026-11-27T18:00:00+00:00", "step": 30}
PANELS = {panel.title: panel for row in rows() for panel in row.panels}


def drawn(title: str, *series: tuple[str, list[float | None]]) -> str:
    """The part of the picture for a panel whose recording contains only this panel."""
    recording: dict[str, Any] = {**HALF_HOUR, "panels": {title: series}}
    after = dashboard_picture.picture(recording).partition(f">{title}</text>")[2]
    return after.partition("<rect")[0]


def test_every_panel_is_recorded_with_its_title() -> None:
    recorded = json.loads((ROOT / dashboard_picture.RECORDING).read_text())["panels"]
    fix = "DWCP_TUTORIAL_SCREENS=docs/images .venv/bin/python -m pytest tests/docs/test_tutorial.py && make generate"
    assert list(recorded) == list(PANELS), f"fix: {fix}"


def test_a_panel_shows_its_series_its_times_its_values_and_its_threshold() -> None:
    text = drawn("Error Rate", ("canary", [0.0, 0.3, 0.1]), ("stable", [0.01, 0.01, 0.01]))
    shown = re.findall(r"<text[^>]*>([^<]+)</text>", text)
    assert shown[:5] == ["30 %", "0 %", "18:00", "18:01", "> 5 %".replace(">", "&gt;")]
    assert "</tspan> canary" in text
    assert "</tspan> stable" in text
    assert len(re.findall('<path d="M[^"]*h0"', text)) == 2


def test_a_line_is_interrupted_where_there_is_no_value() -> None:
    line = re.findall('<path d="(M[^"]*h0)"', drawn("Request Rate", ("stable", [None, 1.0, 2.0, None, 3.0])))
    assert [len(part.split()) for part in line[0].split("M")[1:]] == [4, 2]


def test_a_panel_says_that_it_has_no_data_or_is_not_recorded() -> None:
    assert "no data" in drawn("Firing alerts")
    assert "not recorded yet" in dashboard_picture.picture({**HALF_HOUR, "panels": {}})


@pytest.mark.parametrize(("pods", "named"), [(2, True), (40, False)])
def test_a_legend_that_does_not_fit_is_the_number_of_series(pods: int, named: bool) -> None:
    text = drawn("Memory Usage", *((f"dwcp-v3-{number}", [1.0]) for number in range(pods)))
    assert ("</tspan> dwcp-v3-1" in text) is named
    assert (f"{pods} \N{MULTIPLICATION SIGN} pod" in text) is not named


@pytest.mark.parametrize(("left", "side"), [(-0.5, "bad"), (0.9, "good")])
def test_a_single_number_has_the_colour_of_its_side_of_the_threshold(left: float, side: str) -> None:
    text = drawn("Availability budget left", ("Availability", [1.0, left]))
    assert f'class="{side}">{left * 100:g} %<' in text


@pytest.mark.parametrize(
    ("unit", "value", "text"),
    [
        *[
            ("percentunit", 0.0512, "5.12 %"),
            ("percentunit", 12.0, "1200 %"),
            ("s", 0.2, "200 ms"),
            ("s", 0, "0 s"),
            ("s", 1.5, "1.5 s"),
        ],
        *[("reqps", 1020.4, "1020 req/s"), ("Bps", 1e6, "1 MB/s"), ("bytes", 512 * 2**20, "512 MiB")],
        *[("bool_on_off", 1, "on"), ("bool_on_off", 0, "off"), ("none", 14.4, "14.4"), ("short", 3, "3")],
    ],
)
def test_a_value_has_the_unit_of_its_panel(unit: str, value: float, text: str) -> None:
    assert dashboard_picture.shown_in(unit, value) == text
