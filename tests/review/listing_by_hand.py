"""What a list shows, worked out from everything that is stored, all at once: what lists that are kept are compared with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from pdc.domain.values import UNSEEN, Image
from pdc.review.ahead.least_sure import Answered, choose, doubts_of
from pdc.review.listing.entries import HELD_BACK, MY_READS, OF_VERDICT, TO_DO, Entry, Order, Stage, WorklistFilter
from pdc.review.questions import Said, said_about
from pdc.review.reading.reads import Standing
from pdc.review.service import ReviewService
from pdc.store.reading.records import ReadLine
from pdc.store.records import Digest, Event, EventKind, ReviewLine


class ByHand:
    """The same answers as `Worklist` gives; it reads the whole store for each."""

    def __init__(self, service: ReviewService) -> None:
        self.service, self.store = service, service.store
        self._batches: dict[str, list[str]] = {}

    def listed(self, reader: str, wanted: WorklistFilter) -> list[Entry]:
        everything = self._retired(reader) if wanted.stage == Stage.RETIRED else self.entries(reader)
        shown = [e for e in everything if _fits(e, wanted)]
        if wanted.order is Order.UNCERTAIN and wanted.stage != Stage.RETIRED:
            return self._least_sure_first(everything, shown, reader)
        return sorted(shown, key=lambda e: _place(e, wanted.order))

    def entries(self, reader: str) -> list[Entry]:
        held = self.service.held_back(reader)
        return [replace(e, held=True) if e.image.sha256 in held else e for e in self._entries(reader)]

    def _entries(self, reader: str) -> list[Entry]:
        said, images = said_about(self.service, reader), self.service.images(reader)
        kept = said.drafts if self.service.apart else {d.image_sha256: d for d in self.store.draft_lines()}
        answers = {i.sha256: id for i in images if (id := said.answer(i.sha256))}
        model = self.store.prediction_digests(answers.values())
        left = {i.sha256: r.id for i in images if (r := said.review(i.sha256)) and r.verdict not in UNSEEN}
        reviewed = self.store.review_digests(left.values())
        events = {(e.image_sha256, e.kind): e for e in self.store.events(reader if self.service.private else None)}
        readers, signed, found = self._readers(), self.store.signed(), []
        for image in images:
            sha = image.sha256
            if sha in said.parts:
                found.append(self._part(image, said, model.get(answers.get(sha, ""))))
                continue
            review, draft, back = said.reviews.get(sha), kept.get(sha), events.get((sha, EventKind.SENT_BACK))
            assigned, standing = events.get((sha, EventKind.ASSIGNED)), readers.get(sha)
            stage = _stage(review, draft.saved_at if draft else None, back, sha in answers)
            if sha in said.due:
                stage = Stage.TO_ADJUDICATE
            elif standing and not standing.settled:
                stage = Stage.BEING_READ
            found.append(
                Entry(
                    image,
                    stage,
                    assigned.reader if assigned else None,
                    back.note if back and stage is Stage.SENT_BACK else "",
                    review.revision if review else None,
                    review.author if review else None,
                    model.get(answers.get(sha, "")),
                    reviewed.get(left.get(sha, "")),
                    standing=standing,
                    signed=signed[review.id].by if review and review.id in signed else None,
                )
            )
        return found

    def _readers(self) -> dict[str, Standing]:
        found: dict[str, Standing] = {}
        for (sha, _), standing in self.service.reads.standings().items():
            if sha not in found or found[sha].settled:
                found[sha] = standing
        return found

    def _part(self, image: Image, said: Said, model: Digest | None) -> Entry:
        sha, signed = image.sha256, self.store.signed()
        last, draft = said.parts[sha].last, said.drafts.get(sha)
        stage = _stage(last, draft.saved_at if draft else None, None, model is not None)
        own = self.store.read_digests([last.id]).get(last.id) if last else None
        by = signed[last.id].by if last and last.id in signed else None
        reader = said.parts[sha].given.reader
        return Entry(image, stage, reader, "", last and last.revision, last and reader, model, own, is_mine=True, signed=by)

    def _retired(self, reader: str) -> list[Entry]:
        events = self.store.retired(self.service.room(reader))
        images = {sha: self.service.image(sha, reader) for sha in events}
        return [Entry(images[sha], Stage.RETIRED, e.by, e.note) for sha, e in reversed(events.items())]

    def _least_sure_first(self, entries: Sequence[Entry], shown: Sequence[Entry], reader: str) -> list[Entry]:
        answered = [Answered(e.image.sha256, (e.image.width, e.image.height), e.model, e.stage.open) for e in entries if e.model]
        doubts = doubts_of(answered)
        rest = sorted(answered, key=lambda i: (not i.said.unlike, -doubts[i.sha256]))
        order = [*self._batch(answered, doubts, reader if self.service.apart else ""), *(i.sha256 for i in rest)]
        places = {sha: place for place, sha in enumerate(dict.fromkeys(order))}
        return sorted(shown, key=lambda e: places.get(e.image.sha256, len(places)))

    def _batch(self, images: Sequence[Answered], doubts: dict[str, float], reader: str) -> list[str]:
        waiting = {i.sha256 for i in images if i.open}
        kept = [sha for sha in self._batches.get(reader, ()) if sha in doubts]
        if not waiting.intersection(kept):
            kept = self._batches[reader] = choose([i for i in images if i.open], doubts)
        return kept


def _stage(review: ReviewLine | ReadLine | None, draft_at: datetime | None, back: Event | None, answered: bool) -> Stage:
    reviewed_at = review.created_at if review else datetime.min.replace(tzinfo=UTC)
    if draft_at and draft_at > max(reviewed_at, back.at if back else reviewed_at):
        return Stage.IN_REVIEW
    if back and back.at > reviewed_at:
        return Stage.SENT_BACK
    if review:
        return OF_VERDICT.get(review.verdict, Stage.DONE)
    return Stage.PREDICTED if answered else Stage.NEW


def _fits(entry: Entry, wanted: WorklistFilter) -> bool:
    counts = (entry.reviewed or entry.model or Digest({}, None)).counts
    beside = {TO_DO: entry.stage.open, MY_READS: entry.is_mine, HELD_BACK: entry.held}
    return (
        (wanted.stage in ("", entry.stage) or beside.get(wanted.stage, False))
        and (not wanted.label or counts.get(wanted.label, 0) > 0)
        and wanted.name.casefold() in entry.image.name.casefold()
        and wanted.reader in ("", entry.reader or "-")
    )


def _place(entry: Entry, order: Order) -> tuple:
    if order is Order.NAME:
        parts = re.split(r"(\d+)", entry.image.name.casefold())
        return tuple((0, int(p), "") if p.isdecimal() else (1, 0, p) for p in parts)
    return (-entry.disagreement,) if order is Order.DISAGREEMENT else ()
