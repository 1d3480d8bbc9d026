"""An open count: where it stands, what is next, its replicates beside each other, and everything below. As a Node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pdc.counting.progress import Progress
from pdc.counting.sheet import Sheet, looks_like_a_name
from pdc.counting.tally import Filled
from pdc.domain.message import Message
from pdc.review.counting.batches import Batch
from pdc.review.counting.sheets import NUMBERS_KEPT
from pdc.review.counting.state import CountField
from pdc.web.ui.counting.begin import NAME, images_table
from pdc.web.ui.counting.fields import FieldRow, fields_view
from pdc.web.ui.counting.filling import filling_view
from pdc.web.ui.counting.forms import Asked, button, form, labelled, text_field
from pdc.web.ui.counting.outcome import number, outcome_view
from pdc.web.ui.counting.signing import SheetLine, signing_view
from pdc.web.ui.view import Node, el, table

ALL_READ = Message("Every field has been read. Add images below if more are needed, or sign the sheet.")
BLIND = Message("This replicate is read blind: the model and the first replicate are hidden until you save.")


@dataclass(frozen=True, slots=True)
class Standing:
    """Everything that the page shows of one count. `sheet` is the draft of now; `filled` are the blanks of the sample, and
    `of_replicate` those of each replicate."""

    id: str
    sheet: Sheet
    progress: Progress
    rows: Sequence[FieldRow]
    filled: Filled
    of_replicate: Sequence[Filled]
    kept: Sequence[SheetLine]
    missing: Sequence[str]
    closed: bool
    next_field: CountField | None = None
    """what is read next; None where no more is asked for"""
    hidden: bool = False
    """what was counted is kept from the reader for now"""


def standing_page(count: Standing, found: Sequence[Batch]) -> Node:
    """The head over two columns: what was read, and what comes of it."""
    protocol = count.sheet.protocol
    left = [
        fields_view(protocol, count.rows, count.closed, count.hidden),
        *([] if count.closed else [_more_images(count, found)]),
    ]
    right = [
        *filling_view(protocol, count.filled, count.of_replicate, count.closed),
        *(
            [el("p", Message(NUMBERS_KEPT), cls="pdc-hint")]
            if count.hidden
            else [outcome_view(count.sheet), *_side_by_side(count)]
        ),
        signing_view(count.id, count.kept, count.missing, count.closed or count.hidden),
    ]
    return el("div", _head(count), el("div", el("div", *left), el("div", *right), cls="pdc-columns"), cls="pdc-standing-count")


def _head(count: Standing) -> Node:
    heading, protocol = count.sheet.heading, count.sheet.protocol
    about = Message("{title}, version {n}. Fields: {chosen}.", title=protocol.title, n=protocol.version, chosen=heading.chosen)
    name = [el("p", NAME, cls="pdc-warned")] if looks_like_a_name(heading.sample) else []
    return el("header", el("h2", heading.sample), el("p", about, cls="pdc-hint"), *name, *_next(count))


def _next(count: Standing) -> list[Node]:
    """The running bar, and the button for what comes next."""
    at = count.progress
    bar = el("progress", value=min(at.n, at.least), max=at.least, aria_label=Message("Counted of the target"))
    counted = Message("{n} of {least}", n=at.n, least=at.least)
    said = el("p", counted if count.closed else at.said, cls="pdc-said", role="status")
    closed = el("p", Message("This count is finished. Open it again to change something; its sheet is then amended."))
    reason = labelled(Message("Reason"), text_field("why", size=32))
    reopen = button(Message("Open it again"), "reopen", {"session": count.id}, data_enter="")
    again = form("reopen", el("div", reason, reopen, cls="pdc-beside"))
    if count.hidden:
        return _reading(count)
    return [bar, said, closed, again] if count.closed else [bar, said, *_reading(count)]


def _reading(count: Standing) -> list[Node]:
    """The way to the next field on the Review page; where no more is asked for, to one that was not read."""
    if count.next_field is not None:
        read = button(Message("Read the next field"), "next", event="read", cls="pdc-main")
        return [*([el("p", BLIND, cls="pdc-hint")] if count.next_field.blind else []), read]
    unread = next((row.sha256 for row in count.rows if row.state == "open"), None)
    if unread is None:
        return [el("p", ALL_READ, cls="pdc-hint")]
    return [button(Message("Read another field all the same"), "next", {"sha256": unread}, event="read")]


def _side_by_side(count: Standing) -> list[Node]:
    """The replicates beside each other: what was counted of each class; the rule on their agreement stands with the verdict."""
    replicates = count.sheet.sample.replicates
    if len(replicates) < 2:
        return []
    names = [c.name for c in count.sheet.protocol.classes]
    head = ("", *(Message("Replicate {n}", n=at) for at in range(1, len(replicates) + 1)))
    rows: list[tuple[object, ...]] = [(name, *(r.of((name,)) for r in replicates)) for name in names]
    rows.append((Message("fields"), *(len(r.fields) for r in replicates)))
    rows.append((Message("reader"), *(r.reader or "–" for r in replicates)))
    sizes = [(Message("squares"), [r.squares for r in replicates]), ("mm²", [r.mm2 for r in replicates])]
    rows += [(name, *(number(size) for size in own)) for name, own in sizes if any(size for size in own)]
    return [el("section", el("h3", Message("Replicates")), table(head, rows))]


def _more_images(count: Standing, found: Sequence[Batch]) -> Node:
    """Images for one more replicate, or more fields for one that is there; folded away."""
    n = max((row.replicate for row in count.rows), default=0)
    columns = {f"r{at}": Message("Replicate {n}", n=at) for at in range(1, n + 1)}
    columns[f"r{n + 1}"] = Message("New replicate {n}", n=n + 1)
    own = {row.sha256 for row in count.rows}
    free = [batch.without(own) for batch in found]
    return el(
        "details",
        el("summary", Message("Add images or a replicate")),
        form("more", images_table(columns, free, Asked()), button(Message("Add them"), "add", {"session": count.id})),
        data_row="add",
        cls="pdc-card",
    )
