"""Pages that show and do not edit: a tree of elements made here, built in the browser node by node, never as markup."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import gradio as gr

from pdc.domain.diff import Correction
from pdc.domain.message import Message
from pdc.domain.values import Box, Image, Mark, Status
from pdc.web.ui.scripts import on_load

FATES = {
    "kept": "kept: {n}",
    "moved": "moved: {n}",
    "relabelled": "relabelled: {n}",
    "added": "added: {n}",
    "removed": "removed: {n}",
    "was": "was: {n}",
    "doubtful": "doubtful: {n}",
}
"""What became of a mark -> how that is told, of its label or of how many there are."""
Node = list[Any]  # [tag, {attribute: text}, child, ...]; a child is a Node or text

_TEMPLATE = '<div class="pdc-view"></div>'


class NodeView(gr.HTML):
    """Shows a Node; None shows nothing."""

    def __init__(self, value: Node | None = None, **kw: Any) -> None:
        super().__init__(value=value, html_template=_TEMPLATE, js_on_load=on_load("mountView"), apply_default_css=False, **kw)

    def api_info(self) -> dict[str, Any]:
        return {"type": "array", "items": {}}


def el(tag: str, *children: Node | str, **attrs: str | int | float) -> Node:
    """An element. `cls` is its class; underscores in names become hyphens."""
    named = {("class" if k == "cls" else k.replace("_", "-")): _shown(v) for k, v in attrs.items()}
    return [tag, named, *children]


def _shown(value: object) -> str:
    return value if isinstance(value, Message) else str(value)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Node:
    """Each cell is a Node, or text."""
    body = [el("tr", *(el("td", cell if isinstance(cell, list) else _shown(cell)) for cell in row)) for row in rows]
    return el("table", el("thead", el("tr", *(el("th", name, scope="col") for name in head))), el("tbody", *body))


def picture(image: Image, marks: Sequence[Node], said: str) -> Node:
    """The image with marks drawn over it; `said` is read out in place of it."""
    link = el("image", href=f"images/{image.sha256}.png", width=image.width, height=image.height)
    return el("svg", link, *marks, viewBox=f"0 0 {image.width} {image.height}", role="img", aria_label=said)


def draw_mark(mark: Mark, cls: str) -> Node:
    """A mark as a shape whose look is its class; its title says label and score."""
    score = "" if mark.score is None else f", {mark.score:.2f}"
    title = el("title", Message(FATES[cls], n=f"{mark.label}{score}"))
    if isinstance(mark.shape, Box):
        x, y, w, h = mark.shape.x1, mark.shape.y1, mark.shape.width, mark.shape.height
        return el("rect", title, x=x, y=y, width=w, height=h, cls=f"pdc-{cls}")
    return el("path", title, d=f"M{mark.shape.x} {mark.shape.y}h0", cls=f"pdc-{cls} pdc-point")


def stands(mark: Mark) -> Node:
    """A mark as it stands in its findings: counted, doubtful, or rejected."""
    return draw_mark(mark, "kept" if mark.counts else "doubtful" if mark.status is Status.DOUBTFUL else "removed")


def draw_correction(change: Correction) -> list[Node]:
    """One object's fate: where it is now, and for a moved one also where it was."""
    kind = str(change.kind)
    if change.after is None:
        return [draw_mark(change.before, kind)] if change.before else []
    before = [draw_mark(change.before, "was")] if kind == "moved" and change.before else []
    return [*before, draw_mark(change.after, kind)]
