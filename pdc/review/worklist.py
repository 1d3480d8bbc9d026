"""The list of images a reader works through: what state each is in, in which order, and how far they are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from pdc.domain.errors import Forbidden, NotFound
from pdc.domain.users.roles import Action
from pdc.domain.values import UNSEEN, Image
from pdc.review.ahead.least_sure import Answered
from pdc.review.listing.entries import (
    END,
    HELD_BACK,
    MY_READS,
    OF_VERDICT,
    TO_DO,
    Entry,
    Order,
    Page,
    Progress,
    Stage,
    WorklistFilter,
)
from pdc.review.questions import Said, said_about
from pdc.review.reading.reads import Standing
from pdc.review.service import ReviewService
from pdc.store.reading.records import ReadLine, Signature
from pdc.store.records import Digest, Event, EventKind, ReviewLine

PACE_WINDOW = timedelta(hours=1)


class Worklist:
    """What one reader sees of all images, or of their own where images are private. Where readers are apart, only their own
    reviews; where reads are blind, nothing that a model said."""

    def __init__(self, service: ReviewService) -> None:
        self.service, self.store = service, service.store

    def entries(self, reader: str) -> list[Entry]:
        """Every image that the reader may see, oldest first."""
        held = self.service.held_back(reader)
        return [replace(e, held=True) if e.image.sha256 in held else e for e in self._entries(reader)]

    def _entries(self, reader: str) -> list[Entry]:
        said, images = said_about(self.service, reader), self.service.images(reader)
        newest = said.reviews
        kept = said.drafts if self.service.apart else {d.image_sha256: d for d in self.store.draft_lines()}
        answers = {i.sha256: id for i in images if (id := said.answer(i.sha256))}
        model = self.store.prediction_digests(answers.values())
        left = {i.sha256: r.id for i in images if (r := said.review(i.sha256)) and r.verdict not in UNSEEN}
        reviewed = self.store.review_digests(left.values())
        events = {(e.image_sha256, e.kind): e for e in self.store.events(reader if self.service.private else None)}
        readers, signed = self._readers(), self.store.signed()
        found = []
        for image in images:
            sha = image.sha256
            if sha in said.parts:
                found.append(self._part(image, said, model.get(answers.get(sha, "")), signed))
                continue
            review, draft, back = newest.get(sha), kept.get(sha), events.get((sha, EventKind.SENT_BACK))
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
        """How far the readers of each image are; of several questions the first that is not settled."""
        found: dict[str, Standing] = {}
        for (sha, _), standing in self.service.reads.standings().items():
            if sha not in found or found[sha].settled:
                found[sha] = standing
        return found

    def _part(self, image: Image, said: Said, model: Digest | None, signed: Mapping[str, Signature]) -> Entry:
        """What its reader reads beside others: only what they did themselves, as if nobody else were there."""
        sha = image.sha256
        last, draft = said.parts[sha].last, said.drafts.get(sha)
        stage = _stage(last, draft.saved_at if draft else None, None, model is not None)
        own = self.store.read_digests([last.id]).get(last.id) if last else None
        by = signed[last.id].by if last and last.id in signed else None
        reader = said.parts[sha].given.reader
        return Entry(image, stage, reader, "", last and last.revision, last and reader, model, own, is_mine=True, signed=by)

    def page(
        self,
        reader: str,
        wanted: WorklistFilter,
        *,
        after: str | None = None,
        before: str | None = None,
        around: str | None = None,
        limit: int = 200,
    ) -> Page:
        """A part of the list: behind or before one place (`first` or `last` of another page), around an image, whether it is in
        the list or not, else the first. NotFound for a place that there is not."""
        place = after or before or around
        kept = self.chosen(self._listed(reader, wanted), wanted, keep=place, reader=reader)
        at = next((i for i, e in enumerate(kept) if e.image.sha256 == place), None)
        if at is None and place not in (None, around, END):
            raise NotFound("This place in the list is not known any more; begin at the top.")
        shown = [e for i, e in enumerate(kept) if i != at or _fits(e, wanted)]
        behind = len(shown) - len(kept[at + 1 :]) if at is not None else 0
        if after:
            return _part(shown, behind, limit)
        if before:
            end = len(shown) if at is None else at
            return _part(shown, max(0, end - limit), min(limit, end))
        return _part(shown, max(0, min((at or 0) - limit // 2, len(shown) - limit)), limit)

    def walk(self, reader: str, wanted: WorklistFilter) -> Iterator[Entry]:
        """All that the list shows, in its order, one after the other."""
        yield from self.listed(reader, wanted)

    def shas(self, reader: str, wanted: WorklistFilter) -> Iterator[str]:
        """The sha256 of all that the list shows."""
        return (entry.image.sha256 for entry in self.walk(reader, wanted))

    def listed(self, reader: str, wanted: WorklistFilter) -> list[Entry]:
        """What the list shows. Retired images are shown only where they are asked for."""
        return self.chosen(self._listed(reader, wanted), wanted, reader=reader)

    def _listed(self, reader: str, wanted: WorklistFilter) -> list[Entry]:
        return self.retired(reader) if wanted.stage == Stage.RETIRED else self.entries(reader)

    def retired(self, reader: str) -> list[Entry]:
        """The images of this reader's room that were retired, the last one first; the note says why."""
        events = self.store.retired(self.service.room(reader))
        images = {sha: self.service.image(sha, reader) for sha in events}
        return [Entry(images[sha], Stage.RETIRED, e.by, e.note) for sha, e in reversed(events.items())]

    def chosen(self, entries: Sequence[Entry], wanted: WorklistFilter, keep: str | None = None, reader: str = "") -> list[Entry]:
        """Those that are wanted (and the image `keep`, wanted or not), in the order that this reader wants."""
        shown = [e for e in entries if _fits(e, wanted) or e.image.sha256 == keep]
        if wanted.order is Order.UNCERTAIN:
            return self._least_sure_first(entries, shown, reader)
        return sorted(shown, key=lambda e: _place(e, wanted.order))

    def _least_sure_first(self, entries: Sequence[Entry], shown: Sequence[Entry], reader: str) -> list[Entry]:
        """Images without an answer come last."""
        answered = [Answered(e.image.sha256, (e.image.width, e.image.height), e.model, e.stage.open) for e in entries if e.model]
        places = self.service.least_sure.order(answered, reader if self.service.apart else "")
        return sorted(shown, key=lambda e: places.get(e.image.sha256, len(places)))

    def following(self, reader: str, wanted: WorklistFilter, after: str | None) -> Iterator[Image]:
        """The images after one that still need work, round the end."""
        shown = self.chosen(self.entries(reader), wanted, after, reader)
        return (e.image for e in _ring(shown, after) if e.stage.open and e.image.sha256 != after)

    def next(self, reader: str, wanted: WorklistFilter, after: str | None) -> Image:
        """The next image that still needs work, else the next at all."""
        return next(self.following(reader, wanted, after), None) or self._beside(reader, wanted, after, 1)

    def previous(self, reader: str, wanted: WorklistFilter, before: str | None) -> Image:
        """The image before this one, done or not."""
        return self._beside(reader, wanted, before, -1)

    def _beside(self, reader: str, wanted: WorklistFilter, sha: str | None, by: int) -> Image:
        images = [e.image for e in self.chosen(self.entries(reader), wanted, sha, reader)]
        if not images:
            raise NotFound("There are no images here; upload some, open an example, or show all.")
        at = next((i for i, image in enumerate(images) if image.sha256 == sha), -1 if by > 0 else 0)
        return images[(at + by) % len(images)]

    def progress(self, reader: str, wanted: WorklistFilter) -> Progress:
        """Of the images that are wanted, and this reader's pace."""
        entries = self.listed(reader, wanted)
        stages = [e.stage for e in entries]
        auto_accepted, predicted = stages.count(Stage.AUTO_ACCEPTED), stages.count(Stage.PREDICTED)
        done = sum(not stage.open for stage in stages) - auto_accepted
        speed = pace(self.store.review_lines(reader), datetime.now(UTC))
        return Progress(done, len(entries), speed, auto_accepted, predicted)

    def readers(self) -> list[str]:
        """Everybody an image may be assigned to: who can log in, and whoever has reviewed or been assigned something. Nobody
        where images are private."""
        if self.service.private:
            return []
        known = {u.name for u in self.store.users()} | {r.author for r in self.store.review_lines()}
        return sorted(known | {e.reader for e in self.store.events() if e.reader})

    def assign(self, shas: Sequence[str], reader: str | None, by: str) -> None:
        """Forbidden where images are private, and to give them to others without the role for it."""
        if reader != by or self.service.private:
            self.service.allowed(by, Action.ASSIGN)
        if self.service.private:
            raise Forbidden("Here every visitor works alone, so no image can be assigned.")
        self.store.add_events(shas, EventKind.ASSIGNED, by=by, reader=reader)

    def send_back(self, sha: str, by: str, note: str = "") -> None:
        """Ask for it to be looked at again. The next save takes it off the pile."""
        self.store.add_events([sha], EventKind.SENT_BACK, by=by, note=note)


def without_hints(wanted: WorklistFilter, blind: bool) -> WorklistFilter:
    """Where reads are blind an order may not tell what the model said."""
    return replace(wanted, order=Order.TIME) if blind and wanted.order in (Order.UNCERTAIN, Order.DISAGREEMENT) else wanted


def pace(reviews: Sequence[ReviewLine], now: datetime) -> float | None:
    """Images an hour over the reviews (oldest first) of the last hour; None when fewer than three images were reviewed."""
    last: dict[str, datetime] = {r.image_sha256: r.created_at for r in reviews if now - r.created_at < PACE_WINDOW}
    if len(last) < 3:
        return None
    hours = (max(last.values()) - min(last.values())).total_seconds() / 3600
    return (len(last) - 1) / hours if hours > 0 else None


def _stage(review: ReviewLine | ReadLine | None, draft_at: datetime | None, back: Event | None, answered: bool) -> Stage:
    """What happened last counts."""
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
    """A key to sort by; what it cannot tell apart stays in order of time."""
    if order is Order.NAME:
        parts = re.split(r"(\d+)", entry.image.name.casefold())
        return tuple((0, int(p), "") if p.isdecimal() else (1, 0, p) for p in parts)
    return (-entry.disagreement,) if order is Order.DISAGREEMENT else ()


def _ring(entries: Sequence[Entry], after: str | None) -> list[Entry]:
    """From the one behind `after` once round, `after` itself last."""
    at = next((i + 1 for i, e in enumerate(entries) if e.image.sha256 == after), 0)
    return [*entries[at:], *entries[:at]]


def _part(entries: Sequence[Entry], start: int, limit: int) -> Page:
    """So many of them from one on."""
    found = tuple(entries[start : start + limit])
    first = found[0].image.sha256 if found and start > 0 else None
    last = found[-1].image.sha256 if start + limit < len(entries) else None
    return Page(found, first, last, len(entries))
