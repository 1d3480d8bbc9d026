"""The list of images as a Gradio component: examples, uploads through our own route, and what has been reviewed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import gradio as gr

from pdc.domain import Image, Review
from pdc.starters import Example
from pdc.ui.annotator import ASSETS

_TEMPLATE = '<div class="pdc-worklist"></div>'
_ON_LOAD = """
const events = ["choose"];
const start = (tries) => {
  if (window.PDC && window.PDC.mountWorklist) window.PDC.mountWorklist({ element, props, trigger, watch, events });
  else if (tries > 0) setTimeout(() => start(tries - 1), 50);
  else console.error("The worklist's script is missing from the page's head.");
};
start(200);
"""


class Worklist(gr.HTML):
    """Event: `choose`, after which the value's "chosen" is {"sha256": ...} or {"example": file name}."""

    def __init__(self, value: Mapping[str, Any] | None = None, **kw: Any) -> None:
        super().__init__(value=value, html_template=_TEMPLATE, js_on_load=_ON_LOAD, apply_default_css=False, **kw)

    def api_info(self) -> dict[str, Any]:
        return {"type": "object"}


@cache
def head_html() -> str:
    style = (ASSETS / "worklist.css").read_text("utf-8")
    script = (ASSETS / "worklist.js").read_text("utf-8").replace("</", "<\\/")
    return f"<style>{style}</style>\n<script>{script}</script>"


def image_url(sha256: str) -> str:
    return f"images/{sha256}.png"


def worklist_value(
    images: Sequence[Image], newest: Mapping[str, Review], examples: Sequence[Example], current: str | None
) -> dict[str, Any]:
    """Images newest first, each with the newest review of it, if any."""
    return {
        "examples": [{"name": e.path.name, "title": e.title, "url": f"examples/{e.path.name}"} for e in examples],
        "images": [_item(i, newest.get(i.sha256), current) for i in reversed(images)],
    }


def _item(image: Image, review: Review | None, current: str | None) -> dict[str, Any]:
    state = f"{review.verdict}, revision {review.revision}" if review else "new"
    return {
        "sha256": image.sha256, "name": image.name, "url": image_url(image.sha256), "state": state,
        "current": image.sha256 == current,
    }
