"""The control chart of Levey and Jennings: pairs of counts over time, in standard deviations from no difference. As a Node."""

from __future__ import annotations

from collections.abc import Sequence

from pdc.counting.readers.chart import Charted
from pdc.domain.message import Message, joined
from pdc.web.ui.view import Node, el

WIDTH, HEIGHT = 460, 240
LEFT, RIGHT, TOP, BOTTOM = 46, 452, 12, 196  # of what lies between the axes
MOST = 4.0  # standard deviations; what lies farther is drawn at the edge
SHOWN = 60  # the newest points
LINES = {3: "3s", 2: "2s", 1: "", 0: "", -1: "", -2: "2s", -3: "3s"}


def control_chart(points: Sequence[tuple[str, Charted]], title: str) -> Node:
    """One dot a pair, oldest left, by its name; one that breaks a rule has the rule's name beside it."""
    shown = points[-SHOWN:]
    border = el("path", d=f"M{LEFT} {TOP}V{BOTTOM}H{RIGHT}", cls="pdc-axis")
    lines = [_line(at, name) for at, name in LINES.items()]
    dots = [node for i, (name, point) in enumerate(shown) for node in _dot(_x(i, len(shown)), name, point)]
    below = el("text", Message("one after the other"), x=(LEFT + RIGHT) / 2, y=BOTTOM + 30, cls="pdc-below")
    svg = el("svg", border, *lines, *dots, below, cls="pdc-plot", viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=title)
    return el("figure", el("figcaption", el("strong", title)), svg)


def _x(i: int, n: int) -> float:
    return round(LEFT + (i + 0.5) / n * (RIGHT - LEFT), 1)


def _y(spreads: float) -> float:
    held = min(max(spreads, -MOST), MOST)
    return round(TOP + (MOST - held) / (2 * MOST) * (BOTTOM - TOP), 1)


def _line(at: int, name: str) -> Node:
    kind = {"data_kind": "bias"} if at == 0 else {}
    path = el("path", d=f"M{LEFT} {_y(at)}H{RIGHT}", cls="pdc-line" if abs(at) > 1 or at == 0 else "pdc-zero", **kind)
    text = el("text", f"{at:+d}" if at else "0", x=LEFT - 6, y=_y(at) + 4, cls="pdc-before")
    return el("g", path, text, data_line=name)


def _dot(x: float, name: str, point: Charted) -> list[Node]:
    said = el("title", joined([name, f"{point.spreads:+.1f} s", *point.broken], ", "))
    dot = el("path", said, d=f"M{x} {_y(point.spreads)}h0", cls="pdc-dot", data_kind="wrong" if point.wrong else "one")
    if not point.wrong:
        return [dot]
    beyond = -9 if point.spreads > 0 else 17
    return [dot, el("text", point.broken[-1], x=x, y=_y(point.spreads) + beyond, cls="pdc-below")]
