"""Counts that were made twice, as a page: replicates of signed samples, and slides that a reader read again. As Nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from pdc.counting.readers.chart import Charted, chart, in_spreads
from pdc.counting.readers.pairs import FEWEST, Bias, Pair, agreement_of, bias
from pdc.domain.agreement.measures import Differences, Measured
from pdc.domain.agreement.rows import Difference, Estimate, Kind, Measure
from pdc.domain.message import Message, joined
from pdc.web.ui.agreement.control_chart import control_chart
from pdc.web.ui.agreement.page import ICC_MEANS
from pdc.web.ui.agreement.plot import bland_altman
from pdc.web.ui.view import Node, el, table

Charts = Callable[[Sequence[Pair]], Sequence[float] | None]
HEAD = (
    Message("Readers"),
    Message("Pairs"),
    Message("Mean difference of counts"),
    Message("95 % of differences"),
    Message("ICC of counts"),
    Message("Sent back"),
)
FEW = Message("from {n} pairs on", n=FEWEST)
MORE_THAN_CHANCE = Message("more than chance explains")
REPLICATES = Message("Replicates of signed samples")
AGAIN = Message("The same slide, read again")
MEANING = (
    Message("Replicates are two preparations of one sample. Their difference holds chance, the preparation and the reader."),
    Message("Mean difference: the second count over the first, in per cent of their mean, with its 95 % interval (Student)."),
    ICC_MEANS,
    Message("Control chart: each pair in standard deviations from no difference (Levey and Jennings 1950)."),
    Message("Of replicates one standard deviation is what chance makes; of a slide read again, the spread of the first 20."),
    Message(
        "Rules (Westgard 1981): 1-3s one beyond 3; 2-2s two in a row beyond 2 on one side; R-4s two in a row beyond 2 on either "
        "side; 4-1s four in a row beyond 1; 10x ten in a row on one side. An honest reader breaks one in 1 of 100 points."
    ),
)


def twice_page(replicates: Sequence[Pair], again: Sequence[Pair]) -> Node | None:
    """Both kinds, each with its table, its plots and its control charts; None where nothing was counted twice."""
    parts = [
        *_part(REPLICATES, Kind.INTER, replicates, lambda pairs: [p.spreads for p in pairs]),
        *_part(AGAIN, Kind.INTRA, again, lambda pairs: in_spreads([p.percent for p in pairs])),
    ]
    return el("section", *parts, el("ul", *(el("li", line) for line in MEANING), cls="pdc-meaning")) if parts else None


def _part(title: Message, kind: Kind, pairs: Sequence[Pair], charts: Charts) -> Iterator[Node]:
    if not pairs:
        return
    groups: dict[tuple[str, str], list[Pair]] = {}
    for pair in pairs:
        groups.setdefault(pair.readers, []).append(pair)
    yield el("h3", title)
    yield el("div", table(HEAD, [_row(readers, own) for readers, own in sorted(groups.items())]), cls="pdc-wide")
    plots = [node for readers, own in sorted(groups.items()) for node in _plots(readers, kind, own, charts)]
    if plots:
        yield el("div", *plots, cls="pdc-plots")


def _row(readers: tuple[str, str], pairs: Sequence[Pair]) -> list[object]:
    tested = [p.agreed for p in pairs if p.agreed is not None]
    back = Message("{n} of {all}", n=tested.count(False), all=len(tested)) if tested else "–"
    return [joined(readers, " – "), len(pairs), *_of_bias(bias(pairs)), _number(agreement_of(pairs)), back]


def _of_bias(found: Bias | Message) -> tuple[str, str]:
    if isinstance(found, Message):
        return FEW, "–"
    said = f"{found.percent:+.1f} % [{found.low:+.1f}, {found.high:+.1f}]"
    return joined([said, MORE_THAN_CHANCE if found.found else ""], ", "), f"{found.lower:+.0f} … {found.upper:+.0f} %"


def _number(found: Measured) -> str:
    return "–" if isinstance(found, Message) else f"{found:.2f}"


def _plots(readers: tuple[str, str], kind: Kind, pairs: Sequence[Pair], charts: Charts) -> Iterator[Node]:
    if len(pairs) < FEWEST:
        return
    first, second = readers
    title = Message("{one} minus {other}", one=second, other=first)
    dots = [Difference(kind, (second, first), None, p.name, p.counts[1], p.counts[0]) for p in pairs]
    apart = [d.one - d.other for d in dots]
    sums = Differences(len(apart), float(sum(apart)), float(sum(a**2 for a in apart)))
    limits = {Measure.BIAS: sums.bias(), Measure.LOWER: sums.limit(-1), Measure.UPPER: sums.limit(1)}
    yield bland_altman(dots, {m: _estimate(found) for m, found in limits.items()}, title)
    if spreads := charts(pairs):
        yield control_chart(_named(pairs, chart(spreads)), Message("Control chart: {title}", title=title))


def _estimate(found: Measured) -> Estimate:
    return Estimate(None, why=found) if isinstance(found, Message) else Estimate(found)


def _named(pairs: Sequence[Pair], points: Sequence[Charted]) -> list[tuple[str, Charted]]:
    return [(f"{p.name} ({p.at:%Y-%m-%d})", point) for p, point in zip(pairs, points, strict=True)]
