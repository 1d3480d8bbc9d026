"""What each reader sees of some images: all that is stored about them is read once, then told apart by reader."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from pdc.domain.values import UNSEEN, Image
from pdc.review.counting.blind import blind_places, unread
from pdc.review.listing.entries import Entry, Stage
from pdc.review.listing.rows import row_of
from pdc.review.listing.stages import stage_of
from pdc.review.questions import Said, newest_of, of_part
from pdc.review.reading.reads import Standing, standings_of
from pdc.review.service import ReviewService
from pdc.store.image_queries import HOLDING, RETIREMENT
from pdc.store.listing.records import ListedRow, Mode
from pdc.store.listing.upkeep import Names, Numbered, Placed
from pdc.store.records import Digest, DraftLine, Event, EventKind

NOBODY = ""
"""a reader who has said nothing"""
Kinds = tuple[EventKind, ...]
ASSIGNED = EventKind.ASSIGNED


def mode_of(service: ReviewService) -> Mode:
    return Mode.PRIVATE if service.private else Mode.BLIND if service.blind else Mode.SHARED


class Facts:
    """What is stored about some images (a few hundred)."""

    def __init__(self, service: ReviewService, shas: Collection[str]) -> None:
        store, self.service, self.mode = service.store, service, mode_of(service)
        self.placed = store.placed(shas, service.private)
        self.lines = store.review_lines(images=shas, unseen=True)
        self.drafts = store.draft_lines(shas)
        self.answers = {} if service.blind else store.answered_questions(shas)
        self.decisions = store.decisions(shas)
        self._decided: dict[Kinds, dict[tuple[str, str | None], Numbered]] = {
            kinds: _newest(self.decisions, kinds) for kinds in (RETIREMENT, HOLDING)
        }
        self.tasks = store.read_tasks(shas)
        self.standings = standings_of(store, self.tasks, shas)
        self.places = blind_places(store, shas)
        self.signed = store.signed(shas)
        self.public = frozenset(store.labels()) if service.private else None

    def names(self) -> Names:
        """By which each image is searched in each home."""
        return {(p.owner, p.image.sha256): (p.image.name.casefold(), p.place) for p in self.placed}

    def rows(self) -> list[ListedRow]:
        """What each room sees of the images."""
        rooms = [_Room(self, reader, placed) for reader, placed in self._readers().items()]
        digests = self._digests(rooms)
        if self.mode is Mode.PRIVATE:
            return [row for room in rooms for row in room.rows(self.mode.own(room.reader), digests)]
        rows = list(rooms[0].rows(self.mode.room, digests))
        common = {row.image_sha256: row for row in rows if row.room == self.mode.room}
        for room in rooms[1:]:
            own = self.mode.own(room.reader)
            for row in room.rows(own, digests):
                if row.room == own and replace(row, room=self.mode.room) != common.get(row.image_sha256):
                    rows.append(row)
        return rows

    def _readers(self) -> dict[str, list[Placed]]:
        """Who may see something of which images that others do not: nobody in particular first."""
        found: dict[str, list[Placed]] = defaultdict(list)
        if self.mode is Mode.PRIVATE:
            for placed in self.placed:
                found[placed.owner].append(placed)
            return found
        found[NOBODY] = self.placed
        traces: dict[str, set[str]] = defaultdict(set)
        for line in (*self.lines, *self.drafts):
            traces[line.author].add(line.image_sha256)
        for (sha, _), standing in self.standings.items():
            for reader in standing.ever | self.service.reads.adjudicators:
                traces[reader].add(sha)
        for reader, shas in traces.items():
            if reader != NOBODY:
                found[reader] = [p for p in self.placed if p.image.sha256 in shas]
        return found

    def _digests(self, rooms: list[_Room]) -> Mapping[str, Digest]:
        store = self.service.store
        answers = {id for room in rooms for id in room.answers.values()}
        reviews = {id for room in rooms for id in room.left.values()}
        reads = {task.last.id for room in rooms for task in room.said.parts.values() if task.last}
        return {**store.prediction_digests(answers), **store.review_digests(reviews), **store.read_digests(reads)}

    def said(self, reader: str) -> Said:
        """As `said_about`, of these images."""
        service, reads = self.service, self.service.reads
        parts = reads.parts_among(reader, self.tasks, self.standings)
        kept = unread(service.store, self.places, reader) if self.places else frozenset()
        gone = {*parts, *kept, *(self.gone(None) | self.gone(reader) if service.apart else ())}
        lines = [r for r in self.lines if r.image_sha256 not in gone and (not service.apart or r.author == reader)]
        hidden = kept | {sha for sha, part in parts.items() if not part.given.shows_model}
        return Said(
            {d.image_sha256: d for d in self.drafts if d.author == reader and of_part(d, parts)},
            newest_of(r for r in lines if r.author == reader and r.verdict not in UNSEEN),
            newest_of(lines),
            {sha: of for sha, of in self.answers.items() if sha not in hidden},
            self.public,
            service.asked,
            parts,
            dict(reads.due_among(reader, self.standings)),
        )

    def gone(self, owner: str | None) -> dict[str, Numbered]:
        """The images that are retired for everybody (None), or by this owner, and how."""
        return self._standing_decisions(RETIREMENT, EventKind.RETIRED, owner)

    def held(self, owner: str | None) -> set[str]:
        """The images that no export may hold, for everybody and for this owner."""
        whose = dict.fromkeys((None, owner))
        return {sha for one in whose for sha in self._standing_decisions(HOLDING, EventKind.HELD_BACK, one)}

    def _standing_decisions(self, kinds: Kinds, kind: EventKind, owner: str | None) -> dict[str, Numbered]:
        newest = self._decided[kinds]
        return {sha: told for (sha, of), told in newest.items() if of == owner and told.event.kind is kind}

    def acts(self, reader: str) -> dict[tuple[str, EventKind], Event]:
        """The newest decision of each kind about each image; where images are private of those that the reader made."""
        told = (t.event for t in self.decisions)
        return {(e.image_sha256, e.kind): e for e in told if not self.service.private or e.by == reader}

    def standing(self) -> dict[str, Standing]:
        """How far the readers of each image are; of several questions the first that is not settled."""
        found: dict[str, Standing] = {}
        for (sha, _), standing in self.standings.items():
            if sha not in found or found[sha].settled:
                found[sha] = standing
        return found


class _Room:
    """What one reader sees of some of the images."""

    def __init__(self, facts: Facts, reader: str, placed: Sequence[Placed]) -> None:
        self.facts, self.reader, self.said = facts, reader, facts.said(reader)
        self.owner = reader if facts.service.private else None
        self.gone = facts.gone(self.owner)
        self.retired = [p for p in placed if p.image.sha256 in self.gone]
        self.placed = [p for p in placed if p.image.sha256 not in self.gone]
        shas = [p.image.sha256 for p in self.placed]
        self.answers = {sha: id for sha in shas if (id := self.said.answer(sha))}
        self.left = {sha: r.id for sha in shas if (r := self.said.review(sha)) and r.verdict not in UNSEEN}

    def rows(self, room: str, digests: Mapping[str, Digest]) -> Iterator[ListedRow]:
        """What is listed, and what is retired, which comes last first."""
        held, acts, standings = self.facts.held(self.owner), self.facts.acts(self.reader), self.facts.standing()
        drafts = self.said.drafts if self.facts.service.apart else {d.image_sha256: d for d in self.facts.drafts}
        for placed in self.placed:
            sha = placed.image.sha256
            if sha in self.said.parts:
                entry = self._part(placed.image, digests)
            else:
                entry = self._entry(placed.image, digests, drafts.get(sha), acts, standings.get(sha))
            yield row_of(room, placed.place, replace(entry, held=sha in held))
        for placed in self.retired:
            told = self.gone[placed.image.sha256]
            entry = Entry(placed.image, Stage.RETIRED, told.event.by, told.event.note)
            yield row_of(self.facts.mode.retired(self.reader), -told.seq, entry)

    def _entry(
        self,
        image: Image,
        digests: Mapping[str, Digest],
        draft: DraftLine | None,
        acts: Mapping[tuple[str, EventKind], Event],
        standing: Standing | None,
    ) -> Entry:
        sha, signed = image.sha256, self.facts.signed
        review, back, assigned = self.said.reviews.get(sha), acts.get((sha, EventKind.SENT_BACK)), acts.get((sha, ASSIGNED))
        stage = stage_of(review, draft.saved_at if draft else None, back, sha in self.answers)
        if sha in self.said.due:
            stage = Stage.TO_ADJUDICATE
        elif standing and not standing.settled:
            stage = Stage.BEING_READ
        return Entry(
            image,
            stage,
            assigned.reader if assigned else None,
            back.note if back and stage is Stage.SENT_BACK else "",
            review.revision if review else None,
            review.author if review else None,
            digests.get(self.answers.get(sha, "")),
            digests.get(self.left.get(sha, "")),
            standing=standing,
            signed=signed[review.id].by if review and review.id in signed else None,
        )

    def _part(self, image: Image, digests: Mapping[str, Digest]) -> Entry:
        """What its reader reads beside others: only what they did themselves, as if nobody else were there."""
        sha, signed, part = image.sha256, self.facts.signed, self.said.parts[image.sha256]
        last, draft, model = part.last, self.said.drafts.get(sha), digests.get(self.answers.get(sha, ""))
        stage = stage_of(last, draft.saved_at if draft else None, None, model is not None)
        own = digests.get(last.id) if last else None
        by = signed[last.id].by if last and last.id in signed else None
        reader = part.given.reader
        return Entry(image, stage, reader, "", last and last.revision, last and reader, model, own, is_mine=True, signed=by)


def _newest(decisions: Iterable[Numbered], kinds: Kinds) -> dict[tuple[str, str | None], Numbered]:
    """The newest decision of these kinds about each image, for everybody (None) and for each owner."""
    return {(t.event.image_sha256, t.event.reader): t for t in decisions if t.event.kind in kinds}
