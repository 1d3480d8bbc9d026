"""The Bland-Altman plot: the difference of two counts over their mean, with bias and limits of agreement. As a Node."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from math import floor, log10

from pdc.domain.agreement.rows import Difference, Estimate, Measure
from pdc.domain.message import Message, joined
from pdc.web.ui.view import Node, el

WIDTH, HEIGHT = 460, 300
LEFT, RIGHT, TOP, BOTTOM = 46, 452, 12, 256  # of what lies between the axes
LINES = {Measure.UPPER: Message("upper limit"), Measure.BIAS: Message("bias"), Measure.LOWER: Message("lower limit")}
MEAN = Message("mean of both counts")
Limits = dict[Measure, Estimate]


def bland_altman(dots: Sequence[Difference], limits: Limits, title: str) -> Node:
    """One dot an image, larger where several lie together; a band round each line is its interval."""
    places = Counter(((d.one + d.other) / 2, float(d.one - d.other)) for d in dots)
    frame = _Frame([x for x, _ in places], [*(y for _, y in places), *_ends(limits)])
    lines = [node for measure, name in LINES.items() for node in frame.line(limits.get(measure), name, str(measure))]
    drawn = [frame.dot(x, y, n) for (x, y), n in places.items()]
    svg = el(
        "svg",
        *frame.axes(),
        *lines,
        *drawn,
        cls="pdc-plot",
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=Message("Bland-Altman plot: {title}", title=title),
    )
    return el("figure", el("figcaption", el("strong", title)), svg)


def _ends(limits: Limits) -> Iterator[float]:
    for found in limits.values():
        yield from (v for v in (found.value, found.low, found.high) if v is not None)


class _Frame:
    """From counts to places in the picture."""

    def __init__(self, xs: Sequence[float], ys: Sequence[float]) -> None:
        self.x0, self.x1 = 0.0, max([*xs, 1.0]) * 1.05
        self.y1 = max([*map(abs, ys), 1.0]) * 1.1

    def x(self, value: float) -> float:
        return round(LEFT + (value - self.x0) / (self.x1 - self.x0) * (RIGHT - LEFT), 1)

    def y(self, value: float) -> float:
        return round(TOP + (self.y1 - value) / (2 * self.y1) * (BOTTOM - TOP), 1)

    def axes(self) -> list[Node]:
        """The frame, its ticks with their numbers, the line of no difference and what x is."""
        border = el("path", d=f"M{LEFT} {TOP}V{BOTTOM}H{RIGHT}", cls="pdc-axis")
        zero = el("path", d=f"M{LEFT} {self.y(0)}H{RIGHT}", cls="pdc-zero")
        across = [el("text", _number(v), x=self.x(v), y=BOTTOM + 16, cls="pdc-below") for v in _ticks(self.x0, self.x1)]
        up = [el("text", _number(v), x=LEFT - 6, y=self.y(v) + 4, cls="pdc-before") for v in _ticks(-self.y1, self.y1)]
        name = el("text", MEAN, x=(LEFT + RIGHT) / 2, y=BOTTOM + 36, cls="pdc-below")
        return [border, zero, *across, *up, name]

    def line(self, found: Estimate | None, name: Message, kind: str) -> list[Node]:
        """Bias or a limit, with its interval as a band and its number at the right end."""
        if found is None or found.value is None:
            return []
        band = []
        if found.low is not None and found.high is not None:
            top, bottom = self.y(found.high), self.y(found.low)
            band = [el("rect", x=LEFT, y=top, width=RIGHT - LEFT, height=round(bottom - top, 1), cls="pdc-band")]
        line = el("path", d=f"M{LEFT} {self.y(found.value)}H{RIGHT}", cls="pdc-line", data_kind=kind)
        said = joined([name, f"{found.value:+.1f}"])
        return [*band, line, el("text", said, x=RIGHT - 4, y=self.y(found.value) - 4, cls="pdc-before")]

    def dot(self, x: float, y: float, n: int) -> Node:
        said = el("title", Message("{n} × mean {mean}, difference {apart}", n=n, mean=_number(x), apart=f"{y:+.0f}"))
        return el("path", said, d=f"M{self.x(x)} {self.y(y)}h0", cls="pdc-dot", data_kind=_size(n))


def _size(n: int) -> str:
    return "one" if n == 1 else "few" if n < 5 else "many"


def _ticks(low: float, high: float) -> list[float]:
    """About five round numbers between the ends."""
    raw = (high - low) / 5
    power = 10.0 ** floor(log10(raw))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= raw)
    first = -floor(-low / step)
    return [i * step for i in range(first, floor(high / step) + 1)]


def _number(value: float) -> str:
    return f"{value:.6g}"
