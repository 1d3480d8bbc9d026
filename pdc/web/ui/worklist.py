"""The worklist as a Gradio component: it fetches its rows from our own route, uploads through another, and says what was chosen.

The value: {"examples": [{"name", "title", "about", "url"}], "current": sha256 | null, "blind": bool, "stamp": str,
"signed": {"by", "at", "meaning", "revision"} | null, "counting": {"session", "sample", "title", "fits"} | null (the count session
that the open image is a field of), "entered": bool (it was opened as a field)}, and from the browser also "chosen": {"sha256"},
{"example": file name} or {"session": id} (its next field), and "wanted": {"stage", "label", "name", "reader", "order",
"session"}.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

import gradio as gr

from pdc.domain.certainty.counts import Worth
from pdc.domain.message import Message, joined
from pdc.domain.prompts import count_in_words
from pdc.review.ahead.pool import PoolState
from pdc.review.examples import Example
from pdc.review.listing.entries import HELD_BACK, MY_READS, TO_DO, Entry, Order, Page, Progress, Stage, WorklistFilter
from pdc.review.prefetch import PrefetchState
from pdc.store.learnt.sums import MOST_NEW
from pdc.store.records import Digest
from pdc.web.ui.scripts import on_load
from pdc.web.ui.words import in_language

EVENTS = ("choose", "finish", "skip", "back", "give")
_TEMPLATE = '<div class="pdc-worklist"></div>'


class Worklist(gr.HTML):
    """Events: `choose` when an image or example was chosen; `finish` (save and next), `skip` and `back` (send back);
    `give` when images are given to several readers, or one is withdrawn."""

    def __init__(self, value: Mapping[str, Any] | None = None, **kw: Any) -> None:
        super().__init__(
            value=value, html_template=_TEMPLATE, js_on_load=on_load("mountWorklist", EVENTS), apply_default_css=False, **kw
        )

    def api_info(self) -> dict[str, Any]:
        return {"type": "object"}


def image_url(sha256: str) -> str:
    return f"images/{sha256}.png"


def worklist_value(
    examples: Sequence[Example], current: str | None, blind: bool, signed: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """What the page needs before it fetches the rows; a new stamp makes it fetch them again."""
    shown = [{"name": e.path.name, "title": e.title, "about": e.about, "url": f"examples/{e.path.name}"} for e in examples]
    return {"examples": shown, "current": current, "blind": blind, "signed": signed, "stamp": uuid4().hex}


def worklist_again() -> dict[str, Any]:
    """Has the page fetch the rows again. It says nothing of the open image: by now that may be another."""
    return {"stamp": uuid4().hex}


def filter_from(value: object) -> WorklistFilter:
    """What the browser asks to see; anything odd in it means all."""
    asked = value if isinstance(value, Mapping) else {}
    texts = {name: str(asked.get(name) or "")[:200] for name in ("stage", "label", "name", "reader")}
    order = asked.get("order")
    return WorklistFilter(**texts, order=Order(order) if order in set(Order) else Order.TIME)


def worklist_part(page: Page, elsewhere: Mapping[str, str], language: str = "en") -> dict[str, Any]:
    """Rows of the list: [sha256, name, stage, detail, reader, held back]; the places before and behind them, null where the
    list begins or ends there; and how long the list is. `elsewhere`: which images are open at somebody else."""
    rows = [_row(entry, elsewhere.get(entry.image.sha256), language) for entry in page.entries]
    counted = {"total": page.counted.total, "capped": page.counted.capped}
    return {"rows": rows, "first": page.first, "last": page.last, **counted}


def worklist_page(
    progress: Progress,
    prefetch: PrefetchState,
    pool: PoolState,
    *,
    readers: Sequence[str],
    labels: Sequence[str],
    offer: tuple[int, int] = (0, 0),
    visitors: Message | None = None,
    language: str = "en",
) -> dict[str, Any]:
    """What stands above and below the rows."""
    pace = None if progress.per_hour is None else round(progress.per_hour)
    return {
        "done": progress.done,
        "auto_accepted": progress.auto_accepted,
        "predicted": progress.predicted,
        "pace": pace,
        "waiting": prefetch.waiting,
        "working_out": progress.waiting,
        "error": in_language(prefetch.error or pool.error, language),
        "pool": {"answered": pool.answered, "total": pool.total} if pool.answered < pool.total else None,
        "anew": pool.anew,
        "offer": {"reviews": offer[0], "every": offer[1], "capped": offer[0] >= MOST_NEW} if offer[0] else None,
        "readers": list(readers),
        "labels": list(labels),
        "stages": [TO_DO, MY_READS, HELD_BACK, *map(str, Stage)],
        "visitors": visitors is not None,
        "kept": in_language(visitors, language),
    }


def _row(entry: Entry, elsewhere: str | None, language: str) -> list[Any]:
    image, said = entry.image, in_language(joined([_open_at(entry, elsewhere), detail(entry)], " · "), language)
    return [image.sha256, image.name, str(entry.stage), said, entry.reader or "", entry.held]


def _open_at(entry: Entry, reader: str | None) -> str:
    """Who else has it open; not where its readers are not to know of each other."""
    return Message("open at {reader}", reader=reader) if reader and not entry.is_mine and not entry.standing else ""


def detail(entry: Entry) -> str:
    """A few words behind the stage: the count (of 0, of what) and how many marks are in doubt, or why it was sent back; how
    many of its readers have finished, who signed, and that it is held back."""
    signed = Message("signed by {reader}", reader=entry.signed) if entry.signed else ""
    return joined([_said(entry), signed, Message("held back") if entry.held else ""], " · ")


def _said(entry: Entry) -> str:
    if entry.standing and entry.stage in (Stage.BEING_READ, Stage.TO_ADJUDICATE):
        return Message("{n} of {all} read", n=len(entry.standing.finished), all=len(entry.standing.readers))
    if entry.stage in (Stage.SENT_BACK, Stage.RETIRED):
        return entry.note
    if entry.stage is Stage.DONE:
        return joined([_count(entry.reviewed), Message("model {n}", n=entry.model.total) if entry.model else ""], " · ")
    if entry.stage is Stage.AUTO_ACCEPTED:
        return _count(entry.model)
    if entry.stage is Stage.PREDICTED and entry.model:
        doubt = "" if entry.model.doubt is None else f"{entry.model.doubt:.1f}?"
        strange = Message("unusual") if entry.model.unlike else ""
        return joined([strange, _count(entry.model), doubt], " · ")
    return ""


def _count(digest: Digest | None) -> str:
    if digest is None:
        return ""
    count = count_in_words(digest.total, digest.asked, digest.complete)
    return count if digest.none is None else joined([Worth(0, digest.none, 0, 0).words, count], " · ")
