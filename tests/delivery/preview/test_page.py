"""The page that a preview is: whole, once, and with nothing that a value could break out of."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

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
  const seen = { start: count(".node"), edges: count(".edge"), groups: count(".group") };
  const graph = document.getElementById("graph");
  const before = graph.getAttribute("viewBox");
  document.getElementById("in").click();
  seen.zoomed = before !== graph.getAttribute("viewBox");
  document.getElementById("only").click();
  seen.all = count(".node");
  const search = document.getElementById("search");
  search.value = "Subnet";
  search.dispatchEvent(new Event("input"));
  seen.subnets = count(".node");
  search.value = "";
  search.dispatchEvent(new Event("input"));
  document.querySelector(".chip").click();
  seen.withoutDeleted = count(".node");
  document.querySelector(".chip").click();
  document.querySelector('.node[data-urn$="subnet:Subnet::dwcp-v3-private-c"]').dispatchEvent(new Event("click"));
  seen.detail = document.getElementById("detail").textContent;
  document.title = "";
  document.body.replaceChildren(document.createTextNode("SEEN" + JSON.stringify(seen) + "NEES"));
</script>"""


@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine")
def test_a_browser_draws_it_and_it_answers_to_zoom_search_filter_and_click(whole: Callable[[str], Preview], tmp_path: Path) -> None:
    preview = whole("remove-zone")
    [stack] = preview.stacks
    file = tmp_path / "preview.html"
    file.write_text(html.render(preview).replace("</body>", f"{USE}</body>"))
    command = [str(CHROMIUM), *QUIET.split(), f"--user-data-dir={tmp_path / 'profile'}", file.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    found = re.search("SEEN(.*)NEES", done.stdout.split("<body>")[-1])
    assert found is not None, done.stderr[-2000:]
    seen = json.loads(found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
    drawn = [each for each in stack.nodes if each.custom and not each.type.startswith("pulumi:providers:")]
    assert seen["all"] == len(drawn)
    assert len(stack.changes) <= seen["start"] < seen["all"]
    assert seen["edges"]
    assert seen["groups"]
    assert seen["zoomed"]
    assert seen["subnets"] == sum("subnet" in f"{each.type} {each.name}".lower() for each in drawn)
    assert seen["withoutDeleted"] == seen["all"] - sum(each.kind is Kind.DELETE for each in stack.changes)
    assert "dwcp-v3-private-c" in seen["detail"]
    assert "delete" in seen["detail"]
