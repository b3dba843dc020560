"""The page of a preview: complete, self-contained, and safe for any value."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from delivery.preview import page as html
from delivery.preview.change import Kind, Preview, PropertyChange, ResourceChange, StackPreview
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
    assert not re.findall(r"(?:src|href)=", page())


CHROMIUM = shutil.which("chromium")
QUIET = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --virtual-time-budget=5000 --dump-dom"
)
USE = """<script>
  const count = (selector) => document.querySelectorAll(selector).length;
  const key = (element, name) => element.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true }));
  const size = (selector) => parseFloat(getComputedStyle(document.querySelector(selector)).fontSize);
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
  search.value = "Subnet";
  search.dispatchEvent(new Event("input"));
  seen.subnets = count(".node");
  seen.listed = count("details.change");
  seen.refitted = graph.viewBox.baseVal.height < 2000 && scale() > 0.9;
  search.value = "no such thing";
  search.dispatchEvent(new Event("input"));
  seen.nothing = !document.getElementById("nothing").hidden;
  search.value = "";
  search.dispatchEvent(new Event("input"));
  document.querySelector(".chip").click();
  seen.withoutDeleted = count(".node");
  document.querySelector(".chip").click();
  const target = document.querySelector('.node[data-urn$="subnet:Subnet::dwcp-v3-private-c"]');
  key(target, "Enter");
  seen.detail = document.getElementById("detail").textContent;
  key(document, "Escape");
  seen.closedByEscape = document.getElementById("detail").hidden;
  document.querySelectorAll("details").forEach((each) => each.setAttribute("open", ""));
  seen.nulls = (document.getElementById("summary").innerText + document.getElementById("changes").innerText).match(/\\bnull\\b/g);
  seen.wideAtTheEnd = document.documentElement.scrollWidth - innerWidth;
  document.title = "";
  document.body.replaceChildren(document.createTextNode("SEEN" + JSON.stringify(seen) + "NEES"));
</script>"""


def used(preview: Preview, folder: Path, width: int) -> dict[str, Any]:
    """The result of a browser of this width on the page."""
    file = folder / "preview.html"
    file.write_text(html.render(preview).replace("</body>", f"{USE}</body>"))
    command = [str(CHROMIUM), *QUIET.split(), f"--window-size={width},900", f"--user-data-dir={folder / 'profile'}", file.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    found = re.search("SEEN(.*)NEES", done.stdout.split("<body>")[-1])
    assert found is not None, done.stderr[-2000:]
    return json.loads(found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))


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


@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine")
@pytest.mark.parametrize("width", [500, 768, 1400])
@pytest.mark.parametrize("platforms", [1, 2])
def test_a_browser_draws_it_and_it_can_be_read_and_used(
    whole: Callable[[str], Preview], tmp_path: Path, width: int, platforms: int
) -> None:
    """By mouse and keyboard, at each width; 500 pixels are the narrowest window of a browser without a screen."""
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
    assert seen["nothing"]
    assert seen["withoutDeleted"] == seen["all"] - sum(each.kind is Kind.DELETE for each in stack.nodes)
    assert "dwcp-v3-private-c" in seen["detail"]
    assert "delete" in seen["detail"]
    assert seen["closedByEscape"]
    assert seen["nulls"] is None
