"""The report of agreement as a page: tables, plots, and what each measure means. As Nodes, for the browser and for a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from pdc.domain.agreement.rows import Difference, Estimate, Kind, Measure, Row
from pdc.domain.message import Message, joined
from pdc.review.agreement.report import Report
from pdc.web.ui.agreement.plot import bland_altman
from pdc.web.ui.view import Node, el, table

Line = tuple[tuple[str, ...], str | None]
"""readers and label: what a line of a table is about"""
MOST_PLOTS = 6
ALL_LABELS = Message("all labels")
ALL_READERS = Message("all readers")
TITLES = {Kind.INTER: Message("Between readers"), Kind.INTRA: Message("The same reader, again")}
COLUMNS = {
    Measure.KAPPA: Message("Kappa of labels"),
    Measure.ALPHA: Message("Alpha of labels"),
    Measure.F1: Message("F1 of objects"),
    Measure.BIAS: Message("Mean difference of counts"),
    Measure.LOWER: Message("95 % of differences"),
    Measure.ICC: Message("ICC of counts"),
}
"""what has a column; the upper limit stands beside the lower one"""
ICC_MEANS = Message(
    "ICC(2,1): the share of the variation of counts that comes from the images and not from who reads (Shrout and Fleiss 1979)."
)
MEANING = (
    Message(
        "Kappa: how much more often two readers gave an object the same label than chance alone would. 1 is always, 0 is chance. "
        "Only objects that both marked (Cohen 1960)."
    ),
    Message("Alpha: the same for three readers or more, of whom some may not have marked an object (Krippendorff 2011)."),
    Message(
        "F1: the share of both readers' marks that stand for an object the other marked too, at its place and with its label."
    ),
    Message(
        "Mean difference: how many more the first reader counts an image; and the range that holds 95 % of the differences "
        "(Bland and Altman 1986)."
    ),
    ICC_MEANS,
    Message("In brackets: the 95 % interval of 1,000 draws of the images; images of one group are drawn together."),
)
EMPTY = Message(
    "No image has been read by two readers yet. Give images to several readers in the list; their agreement is shown here."
)
MORE_PLOTS = "Plots of the first {n} pairs; choose readers for another."


def report_page(report: Report, label: str | None) -> Node:
    """Every table, then the plots; `label` None: all labels, one line each."""
    if not report.comparisons:
        return el("section", el("p", EMPTY, cls="pdc-empty"), cls="pdc-agreement")
    rows = [r for r in report.rows if label is None or r.label in (None, label)]
    tables = [node for kind in Kind for node in _kind_section(kind, [r for r in rows if r.kind is kind])]
    meant = el("ul", *(el("li", line) for line in MEANING), cls="pdc-meaning")
    return el("section", *tables, *_plots(report, label), meant, cls="pdc-agreement")


def _kind_section(kind: Kind, rows: list[Row]) -> Iterator[Node]:
    if not rows:
        return
    notes: dict[str, int] = {}
    columns = [m for m in COLUMNS if any(r.measure is m for r in rows)]
    head = (Message("Readers"), Message("Label"), Message("Images"), *(COLUMNS[m] for m in columns))
    lines = [_line(of, own, columns, notes) for of, own in _by_line(rows)]
    yield el("h3", TITLES[kind])
    yield el("div", table(head, lines), cls="pdc-wide")
    if notes:
        yield el("ul", *(el("li", f"{n} ", why) for why, n in notes.items()), cls="pdc-notes")


def _by_line(rows: Iterable[Row]) -> Iterable[tuple[Line, Mapping[Measure, Row]]]:
    """The lines of a table, in order, each with its measures."""
    found: dict[Line, dict[Measure, Row]] = {}
    for row in rows:
        found.setdefault((row.readers, row.label), {})[row.measure] = row
    return found.items()


def _line(of: Line, own: Mapping[Measure, Row], columns: list[Measure], notes: dict[str, int]) -> list[object]:
    readers, label = of
    images = max(row.images for row in own.values())
    return [named(readers), ALL_LABELS if label is None else label, images, *(_cell(m, own, notes) for m in columns)]


def named(readers: Iterable[str]) -> Message:
    return joined(readers, " – ")


def _cell(measure: Measure, own: Mapping[Measure, Row], notes: dict[str, int]) -> str:
    if measure not in own:
        return ""
    found, digits = own[measure].estimate, 1 if measure in (Measure.BIAS, Measure.LOWER) else 2
    note = "" if found.why is None else f" ({notes.setdefault(found.why, len(notes) + 1)})"
    if found.value is None:
        return f"–{note}"
    if measure is Measure.LOWER:
        upper = own[Measure.UPPER].estimate.value
        return f"{found.value:+.{digits}f} … {upper:+.{digits}f}"
    signed = "+" if measure is Measure.BIAS else ""
    value = f"{found.value:{signed}.{digits}f}"
    if found.low is None or found.high is None:
        return f"{value}{note}"
    return f"{value} [{found.low:{signed}.{digits}f}, {found.high:{signed}.{digits}f}]"


def _plots(report: Report, label: str | None) -> Iterator[Node]:
    plots = list(report.differences(label))
    if not plots:
        return
    yield el("h3", Message("Difference of counts over their mean (Bland-Altman)"))
    yield el("div", *(_plot(report, dots) for dots in plots[:MOST_PLOTS]), cls="pdc-plots")
    if len(plots) > MOST_PLOTS:
        yield el("p", Message(MORE_PLOTS, n=MOST_PLOTS))


def _plot(report: Report, dots: list[Difference]) -> Node:
    first = dots[0]
    limits: dict[Measure, Estimate] = {
        r.measure: r.estimate for r in report.rows if (r.kind, r.readers, r.label) == (first.kind, first.readers, first.label)
    }
    one, other = first.readers
    title = joined([Message("{one} minus {other}", one=one, other=other), first.label or ALL_LABELS], " · ")
    return bland_altman(dots, limits, title)
