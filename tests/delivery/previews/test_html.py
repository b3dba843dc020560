"""The page that a preview is: whole, once, and with nothing that a value could break out of."""

from __future__ import annotations

import json
import re

from delivery.preview import html
from delivery.preview.model import Kind, Preview, PropertyChange, ResourceChange, StackPreview
from delivery.preview.replacements import Replaces

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
