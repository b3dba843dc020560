"""Formats a preview as one HTML file with the resource graph and every change. The file loads nothing from the network."""

from __future__ import annotations

import json
from pathlib import Path

from delivery.preview.change import Preview

FOLDER = Path(__file__).parent / "page_template"


def render(preview: Preview) -> str:
    """The HTML text of the page, which contains its style, its script and the preview as JSON."""
    page = (FOLDER / "page.html").read_text()
    parts = {name: (FOLDER / name).read_text() for name in ("style.css", "script.js")}
    # The preview is inserted last, because a text in it can look like a placeholder.
    for name, text in {**parts, "preview.json": _inside_script(preview)}.items():
        page = page.replace(f"/* {name} */", text, 1)
    return page


def _inside_script(preview: Preview) -> str:
    """The preview as JSON, escaped so that no value can end the script element."""
    text = json.dumps(json.loads(preview.to_json()), ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
