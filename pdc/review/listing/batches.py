"""The images that are worth a look next, chosen together and kept until they are worked off, whichever process chose them."""

from __future__ import annotations

import json
from itertools import islice

from pdc.domain.values import Image
from pdc.review.ahead.least_sure import FIRST, LOOKED_AT, Answered, choose_of
from pdc.review.listing.entries import Stage
from pdc.review.listing.reading import Reading, View, doubtful
from pdc.review.listing.rows import DOUBTED, MILLIONTHS, UNUSUAL, model_of
from pdc.store import Store
from pdc.store.listing.records import FOUND, NOTHING, Asked, ListedRow, Section
from pdc.store.mapping import dump


def batch_of(store: Store, view: View, room: str) -> tuple[str, ...]:
    """The sha256 of the batch; another one is chosen once none of it is open. `room` is whose batch it is."""
    kept = store.list_batch(room)
    batch: list[str] = json.loads(kept or "[]")
    rows = store.listed(view.rooms, batch) if batch else {}
    if not any(row.open and row.found is not None for row in rows.values()):
        batch = _chosen(store, view)
        if batch or kept:
            store.keep_list_batch(room, dump(batch), kept)
        rows = store.listed(view.rooms, batch) if batch else {}
    return tuple(sha for sha in batch if sha in rows and rows[sha].found is not None)


def _chosen(store: Store, view: View) -> list[str]:
    usual = store.list_doubt(view.rooms)
    sorts = [_most_doubtful(store, view, found, usual) for found in (1, 0)]
    sizes = [_size(store, view, kind) for kind in (FOUND, NOTHING)]
    rows = [row for of in sorts for row in of]
    images = store.images_by_sha([row.image_sha256 for row in rows])
    known = [row.edits for row in rows if row.edits is not None] + [-row.doubt for row in _first(store, view)]
    most, mean = (max(known) / MILLIONTHS, usual / MILLIONTHS) if known and usual is not None else (1.0, 1.0)
    doubts = {row.image_sha256: _doubt(row, most, mean) for row in rows}
    answered = [[_answered(row, images[row.image_sha256]) for row in of] for of in sorts]
    return choose_of(answered, sizes, doubts)


def _most_doubtful(store: Store, view: View, found: int, usual: float | None) -> list[ListedRow]:
    reading = Reading(store, view, Asked(open=True, found=found), doubtful(usual))
    return [row for _, row in islice(reading.walk(at_once=LOOKED_AT), LOOKED_AT)]


def _first(store: Store, view: View) -> list[ListedRow]:
    """The most doubtful image of all."""
    return store.list_part(view.rooms, view.home, Asked(), Section("doubt", ("doubt", "place"), DOUBTED), limit=1)


def _size(store: Store, view: View, kind: str) -> int:
    return sum(n for stage, n in store.list_numbers(view.rooms, (kind, "")).items() if Stage(stage).open)


def _doubt(row: ListedRow, most: float, mean: float) -> float:
    if row.rank == UNUSUAL:
        return FIRST * most
    return mean if row.edits is None else row.edits / MILLIONTHS


def _answered(row: ListedRow, image: Image) -> Answered:
    said = model_of(row)
    assert said is not None, "images with an answer were asked for"
    return Answered(row.image_sha256, (image.width, image.height), said, row.open)
