"""An entry of a list as the row that is kept of it, and back."""

from __future__ import annotations

import json
from typing import Any

from pdc.domain.values import Image
from pdc.review.listing.entries import Entry, Stage
from pdc.review.listing.stages import name_key
from pdc.review.reading.reads import Standing
from pdc.store.listing.records import ListedRow
from pdc.store.mapping import dump
from pdc.store.records import Digest

MILLIONTHS = 1_000_000
UNUSUAL, DOUBTED, UNDOUBTED, UNANSWERED = range(4)


def row_of(room: str, place: int, entry: Entry) -> ListedRow:
    """What is kept of an entry."""
    model, said = entry.model, entry.reviewed or entry.model
    edits = round(model.doubt * MILLIONTHS) if model and model.doubt is not None else None
    rank = _rank(model)
    return ListedRow(
        room,
        entry.image.sha256,
        place,
        entry.image.name,
        name_key(entry.image.name),
        str(entry.stage),
        entry.stage.open,
        entry.reader or "",
        rank,
        -edits if edits and rank == DOUBTED else 0,
        edits,
        -entry.disagreement,
        int(bool(model.total)) if model else None,
        entry.is_mine,
        entry.held,
        dump(_told(entry)),
        tuple(sorted(label for label, n in (said.counts if said else {}).items() if n > 0)),
    )


def entry_of(row: ListedRow, image: Image) -> Entry:
    """The entry that a row was kept of; `image` is under any name."""
    told = json.loads(row.told)
    model, reviewed, standing = told.get("model"), told.get("reviewed"), told.get("standing")
    return Entry(
        image,
        Stage(row.stage),
        row.reader or None,
        told.get("note", ""),
        told.get("revision"),
        told.get("author"),
        _digest(model) if model else None,
        _digest(reviewed) if reviewed else None,
        row.mine,
        _standing(standing) if standing else None,
        told.get("signed"),
        row.held,
    )


def model_of(row: ListedRow) -> Digest | None:
    """What the model said."""
    model = json.loads(row.told).get("model")
    return _digest(model) if model else None


def _rank(model: Digest | None) -> int:
    if model is None:
        return UNANSWERED
    return UNUSUAL if model.unlike else UNDOUBTED if model.doubt is None else DOUBTED


def _told(entry: Entry) -> dict[str, Any]:
    standing = entry.standing
    said = {
        "note": entry.note,
        "revision": entry.revision,
        "author": entry.author,
        "model": _listed(entry.model) if entry.model else None,
        "reviewed": _listed(entry.reviewed) if entry.reviewed else None,
        "standing": [*map(list, (standing.readers, standing.finished)), standing.settled, standing.again, sorted(standing.ever)]
        if standing
        else None,
        "signed": entry.signed,
    }
    return {name: value for name, value in said.items() if value not in (None, "")}


def _listed(said: Digest) -> list[Any]:
    return [dict(said.counts), said.doubt, said.asked, said.complete, said.none, said.unlike, dict(said.likeness)]


def _digest(said: list[Any]) -> Digest:
    counts, doubt, asked, complete, none, unlike, likeness = said
    return Digest(counts, doubt, tuple(asked), complete, none, unlike, likeness)


def _standing(said: list[Any]) -> Standing:
    readers, finished, settled, again, ever = said
    return Standing(tuple(readers), tuple(finished), settled, again, frozenset(ever))
