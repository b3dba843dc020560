"""The page of a preview: complete, self-contained, and safe for any value."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

import pytest
from browser import NARROWEST_WINDOW, NEEDS_CHROMIUM, seen_by_browser

from delivery.preview import page as html
from delivery.preview.change import AlertChange, Kind, Preview, PropertyChange, ResourceChange, StackPreview
from program.catalogue import Replaces

HOSTILE = "</script><script>alert(1)</script> {} /* preview.json */"


def page() -> str:
    change = PropertyChange(path="tags", before=HOSTILE, after=None, replaces=Replaces.NO)
    resource = ResourceChange(kind=Kind.UPDATE, urn="u", type="t", name="n", properties=(change,))
    stack = StackPreview(stack="staging", changes=(resource,))
    return html.render(Preview(base="b", head="h", source="program", stacks=(stack,)))


def test_the_preview_is_in_the_page_once_and_as_it_was() -> None:
    found = re.findall(r'<script id="data" type="application/json">(.*?)</script>', page(), re.DOTALL)
    assert len(found) == 1
    assert json.loads(found[0])["stacks"][0]["changes"][0]["properties"][0]["before"] == HOSTILE


def test_a_value_cannot_end_the_script_and_nothing_is_loaded() -> None:
    assert "alert(1)</script>" not in page()
    assert page().count("<script") == 2
    assert not re.findall(r"(?:src|href)=|@import|url\(|fetch\(", page())
    [policy] = re.findall(r'http-equiv="Content-Security-Policy"\s+content="([^"]*)"', page())
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"


USE = """<script>
  const count = (selector) => document.querySelectorAll(selector).length;
  const key = (element, name) => element.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true }));
  const size = (selector) => parseFloat(getComputedStyle(document.querySelector(selector)).fontSize);
  const shown = (id) => document.getElementById(id).getClientRects().length > 0;
  const seen = { start: count(".node"), groups: count(".group"), wide: document.documentElement.scrollWidth - innerWidth };
  const graph = document.getElementById("graph");
  const scale = () => graph.clientWidth / graph.viewBox.baseVal.width;
  seen.scale = scale();
  const before = graph.getAttribute("viewBox");
  document.getElementById("in").click();
  seen.zoomed = before !== graph.getAttribute("viewBox");
  document.getElementById("only").click();
  seen.closed = count(".group.closed");
  seen.nodesWhileClosed = count(".node");
  seen.closedScale = scale();
  key(document.querySelector(".group.closed"), "Enter");
  seen.opened = count(".node");
  document.getElementById("expand").click();
  document.getElementById("expand").click();
  seen.all = count(".node");
  seen.letters = size(".node .title") * scale();
  const search = document.getElementById("search");
  seen.nothingAtFirst = shown("nothing");
  search.value = "Subnet";
  search.dispatchEvent(new Event("input"));
  seen.subnets = count(".node");
  seen.listed = count("details.change");
  seen.refitted = graph.viewBox.baseVal.height < 2000 && scale() > 0.9;
  search.value = "no such thing";
  search.dispatchEvent(new Event("input"));
  seen.nothing = shown("nothing");
  search.value = "";
  search.dispatchEvent(new Event("input"));
  document.querySelector(".chip").click();
  seen.withoutDeleted = count(".node");
  document.querySelector(".chip").click();
  const target = document.querySelector('.node[data-urn$="subnet:Subnet::dwcp-v3-private-c"]');
  seen.detailShown = [shown("detail")];
  key(target, "Enter");
  seen.detail = document.getElementById("detail").textContent;
  seen.detailShown.push(shown("detail"));
  key(document, "Escape");
  seen.detailShown.push(shown("detail"));
  document.querySelectorAll("details").forEach((each) => each.setAttribute("open", ""));
  seen.nulls = (document.getElementById("summary").innerText + document.getElementById("changes").innerText).match(/\\bnull\\b/g);
  seen.wideAtTheEnd = document.documentElement.scrollWidth - innerWidth;
  const linear = (part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4);
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map(linear);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    const colour = getComputedStyle(element).backgroundColor;
    return /, 0\\)$/.test(colour) && element.parentElement ? behind(element.parentElement) : colour;
  };
  const contrast = (element) => {
    const [low, high] = [light(getComputedStyle(element).color), light(behind(element))].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  seen.contrast = Math.min(...[...document.querySelectorAll("h1, p, td, th, summary, button, code")].map(contrast));
  seen.dark = light(behind(document.body)) < 0.1;
  seen.told = document.getElementById("changes").innerText + document.getElementById("summary").innerText;
  document.title = "";
  document.body.replaceChildren(document.createTextNode("SEEN" + JSON.stringify(seen) + "NEES"));
</script>"""


def used(preview: Preview, folder: Path, width: int, *options: str) -> dict[str, Any]:
    """The result of a browser of this width on the page."""
    file = folder / "preview.html"
    shown = html.render(preview).replace("</body>", f"{USE}</body>")
    if width < NARROWEST_WINDOW:
        frame = f'<iframe style="width: {width}px; height: 844px; border: 0" srcdoc="{escape(shown)}"></iframe>'
        read = "document.body.replaceChildren(document.querySelector('iframe').contentDocument.body.textContent)"
        shown = f"<!doctype html><body>{frame}<script>onload = () => {read}</script></body>"
    file.write_text(shown)
    size = f"--window-size={max(width, NARROWEST_WINDOW)},900"
    return seen_by_browser(file, folder / "profile", size, *options)


def twice(preview: Preview) -> Preview:
    """The same with a second platform beside the first: some 500 resources."""
    [stack] = preview.stacks
    again = tuple(
        replace(
            each,
            urn=f"{each.urn}-two",
            parent=f"{each.parent}-two" if each.parent else "",
            dependencies=tuple(f"{urn}-two" for urn in each.dependencies),
        )
        for each in stack.nodes
    )
    changes = tuple(replace(each, urn=f"{each.urn}-two") for each in stack.changes)
    return replace(preview, stacks=(replace(stack, nodes=(*stack.nodes, *again), changes=(*stack.changes, *changes)),))


@NEEDS_CHROMIUM
@pytest.mark.parametrize(("width", "platforms"), [(390, 1), (768, 1), (390, 2), (1400, 2)])
def test_a_browser_draws_it_and_it_can_be_read_and_used(
    whole: Callable[[str], Preview], tmp_path: Path, width: int, platforms: int
) -> None:
    """By mouse and keyboard, at each width: a phone, a tablet and a screen."""
    preview = whole("remove-zone") if platforms == 1 else twice(whole("remove-zone"))
    [stack] = preview.stacks
    seen = used(preview, tmp_path, width)
    drawn = [each for each in stack.nodes if each.custom and not each.type.startswith("pulumi:providers:")]
    assert max(seen["wide"], seen["wideAtTheEnd"]) <= 0  # the width of a scroll bar, if there is one
    assert seen["scale"] == pytest.approx(1, abs=0.05)
    assert seen["closedScale"] == pytest.approx(1, abs=0.05)
    assert seen["letters"] >= 11
    assert seen["zoomed"]
    assert seen["closed"] > 10
    assert seen["nodesWhileClosed"] == 0
    assert 0 < seen["opened"] < len(drawn)
    assert seen["all"] == len(drawn)
    assert seen["subnets"] == sum("subnet" in f"{each.type} {each.name}".lower() for each in drawn)
    assert seen["listed"] == sum("subnet" in f"{each.type} {each.name}".lower() for each in stack.changes)
    assert seen["refitted"]
    assert (seen["nothingAtFirst"], seen["nothing"]) == (False, True)
    assert seen["withoutDeleted"] == seen["all"] - sum(each.kind is Kind.DELETE for each in stack.nodes)
    assert "dwcp-v3-private-c" in seen["detail"]
    assert "delete" in seen["detail"]
    assert seen["detailShown"] == [False, True, False], "Enter opens it, Escape closes it"
    assert seen["nulls"] is None


DARK = "--blink-settings=preferredColorScheme=0"
LIGHT = "--blink-settings=preferredColorScheme=1"
READABLE = 4.5
"""The least contrast of text: WCAG 2, level AA."""


@NEEDS_CHROMIUM
@pytest.mark.parametrize(("scheme", "dark"), [(LIGHT, False), (DARK, True)])
def test_text_can_be_read_in_both_colour_schemes_and_tells_cost_and_alerts(
    whole: Callable[[str], Preview], tmp_path: Path, scheme: str, dark: bool
) -> None:
    preview = whole("remove-zone")
    [stack] = preview.stacks
    assert stack.cost is not None
    alert = AlertChange(
        kind=Kind.UPDATE,
        name="DwcpHighErrorRate",
        details=(PropertyChange(path="expr", before="> 0.05", after="> 0.5", replaces=Replaces.NO),),
    )
    seen = used(replace(preview, stacks=(replace(stack, alerts=(alert,)),)), tmp_path, 768, scheme)
    assert seen["dark"] is dark
    assert seen["contrast"] >= READABLE
    assert f"${stack.cost.before:.0f} → ${stack.cost.after:.0f} a month" in seen["told"]
    for item, usd in stack.cost.changes:
        assert item in seen["told"]
        assert f"${abs(usd):.2f}" in seen["told"]
    assert "DwcpHighErrorRate" in seen["told"]
    assert re.search(r"expr.*> 0\.05.*> 0\.5", seen["told"]), seen["told"][seen["told"].index("DwcpHigh") - 200 :][:500]
