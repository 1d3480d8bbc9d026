"""Held-out images before and after a training, side by side: what was found, missed and marked wrongly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pdc.domain.message import Message
from pdc.web.ui.view import Node, el

LOOKS = {"found": "kept", "missed": "removed", "wrong": "relabelled"}
"""what became of an object -> how it is drawn, as on the other pages that only show"""
TITLES = {"found": "{label}, found", "missed": "{label}, missed", "wrong": "{label}, wrong"}
SIDES = {"before": Message("before"), "after": Message("after")}
LEGEND = (("found", Message("found")), ("missed", Message("missed")), ("wrong", Message("wrong")))
HEADING = Message("What changed most on the held-out images")
BETTER, WORSE = "Better: {before} to {after} to correct", "Worse: {before} to {after} to correct"
Picture = Mapping[str, Any]


def changes_view(pictures: Sequence[Picture]) -> Node | None:
    """All of them with a legend; None without any."""
    if not pictures:
        return None
    legend = el("ul", *(el("li", words, data_kind=LOOKS[fate]) for fate, words in LEGEND), cls="pdc-legend")
    figures = el("div", *map(_figure, pictures), cls="pdc-changes")
    return el("section", el("h3", HEADING), legend, figures)


def _figure(picture: Picture) -> Node:
    before, after = picture["faults"]
    said = Message(BETTER if after < before else WORSE, before=before, after=after)
    sides = (el("div", el("span", words), _side(picture, side, words)) for side, words in SIDES.items())
    return el("figure", el("div", *sides, cls="pdc-two"), el("figcaption", said))


def _side(picture: Picture, side: str, words: Message) -> Node:
    (w, h), sha256 = picture["size"], picture["image"]
    image = el("image", href=f"images/{sha256}.png", width=w, height=h)
    marks = [_mark(place, fate) for fate in LOOKS for place in picture[side][fate]]
    return el("svg", image, *marks, viewBox=f"0 0 {w} {h}", role="img", aria_label=words)


def _mark(place: Sequence[Any], fate: str) -> Node:
    label, *corners = place
    title, cls = el("title", Message(TITLES[fate], label=label)), f"pdc-{LOOKS[fate]}"
    if len(corners) == 2:
        return el("path", title, d="M{} {}h0".format(*corners), cls=f"{cls} pdc-point")
    x1, y1, x2, y2 = corners
    return el("rect", title, x=x1, y=y1, width=x2 - x1, height=y2 - y1, cls=cls)
