"""The list of images a reader works through: what state each is in, in which order, and how far they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain, islice

from pdc.domain.errors import Forbidden, NotFound
from pdc.domain.users.roles import Action
from pdc.domain.values import Image
from pdc.review.listing.batches import batch_of
from pdc.review.listing.entries import END, TO_DO, Counted, Entry, Order, Page, Progress, Stage, WorklistFilter
from pdc.review.listing.facts import mode_of
from pdc.review.listing.parts import around_place, before_place, behind_place
from pdc.review.listing.reading import BY_TIME, Place, Reading, View, asked_of, sections_of
from pdc.review.listing.rows import DOUBTED, UNANSWERED, UNDOUBTED, UNUSUAL, entry_of
from pdc.review.listing.upkeep import upkeep_of
from pdc.review.service import ReviewService
from pdc.store.database import pieces
from pdc.store.listing.pages import MOST
from pdc.store.listing.records import ListedRow, Section
from pdc.store.records import EventKind

PACE_WINDOW = timedelta(hours=1)
SHA256 = 64  # signs
NO_PLACE = "There is no image {id} in the list, so nothing comes behind it."
AT_ONCE, FEW = 500, 20  # rows that are read together, for a walk and for the next image


class Worklist:
    """What one reader sees of all images, or of their own where images are private. Where readers are apart, only their own
    reviews; where reads are blind, nothing that a model said."""

    def __init__(self, service: ReviewService) -> None:
        self.service, self.store, self.upkeep = service, service.store, upkeep_of(service)

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
        reading = self._reading(reader, wanted)
        if before:
            start = None if before == END else self._at(reading, before)
            found = before_place(reading, start, limit)
        elif after:
            found = behind_place(reading, self._at(reading, after), limit)
        else:
            row = self._row(reading, around)
            found = around_place(reading, reading.place_of(row) if row else None, limit)
        return Page(self._entries(found.rows), found.first, found.last, self._counted(reading))

    def version(self) -> str:
        """Is another after each change of what lists show."""
        self.upkeep.catch_up()
        return self.store.list_version()

    def walk(self, reader: str, wanted: WorklistFilter) -> Iterator[Entry]:
        """All that the list shows, in its order, one after the other."""
        rows = (row for _, row in self._reading(reader, wanted).walk())
        while some := list(islice(rows, AT_ONCE)):
            yield from self._entries(some)

    def shas(self, reader: str, wanted: WorklistFilter) -> Iterator[str]:
        """The sha256 of all that the list shows."""
        return (row.image_sha256 for _, row in self._reading(reader, wanted).walk())

    def shown_of(self, reader: str, wanted: WorklistFilter, shas: Collection[str]) -> tuple[Entry, ...]:
        """Those of these images that the list shows."""
        reading, found = self._reading(reader, wanted), list[ListedRow]()
        for some in pieces(set(shas)):
            asked = replace(reading.asked, only=tuple(some))
            found += self.store.list_part(reading.view.rooms, reading.view.home, asked, BY_TIME, limit=len(some))
        return self._entries(found)

    def least_doubtful(self, reader: str, wanted: WorklistFilter, most: int) -> tuple[Entry, ...]:
        """So many of the list's images that still need work: the least doubtful first, and those without an answer at last."""
        reading = self._reading(reader, replace(wanted, stage=wanted.stage or TO_DO, order=Order.TIME))
        known, *others = (Section("doubt", ("doubt", "place"), rank) for rank in (DOUBTED, UNDOUBTED, UNUSUAL, UNANSWERED))
        walks = [replace(reading, sections=((known,),)).walk(back=True, at_once=AT_ONCE)]
        walks += [replace(reading, sections=((section,),)).walk(at_once=AT_ONCE) for section in others]
        return self._entries([row for _, row in islice(chain(*walks), most)])

    def count_held(self, reader: str, wanted: WorklistFilter) -> Counted:
        """Those of the list's images that are held back."""
        reading = self._reading(reader, wanted)
        return self._counted(replace(reading, asked=replace(reading.asked, held=True)))

    def following(
        self, reader: str, wanted: WorklistFilter, after: str | None, skip: Collection[str] = (), *, around: bool = True
    ) -> Iterator[Image]:
        """The images after one that still need work, round the end, without those to `skip` (a few). Not `around`: those behind
        it alone, and NotFound where there is no such image."""
        if wanted.stage in set(Stage) and not Stage(wanted.stage).open:
            return iter(())
        reading = self._reading(reader, wanted)
        asked = replace(reading.asked, open=True, skip=(*reading.asked.skip, *skip))
        return self._images(self._ring(replace(reading, asked=asked), after, around=around))

    def next(self, reader: str, wanted: WorklistFilter, after: str | None) -> Image:
        """The next image that still needs work, else the next at all."""
        return next(self.following(reader, wanted, after), None) or self._beside(reader, wanted, after)

    def previous(self, reader: str, wanted: WorklistFilter, before: str | None) -> Image:
        """The image before this one, done or not."""
        return self._beside(reader, wanted, before, back=True)

    def _beside(self, reader: str, wanted: WorklistFilter, sha: str | None, *, back: bool = False) -> Image:
        reading = self._reading(reader, wanted)
        row = next(self._ring(reading, sha, back=back), None) or self._row(reading, sha)
        if row is None:
            raise NotFound("There are no images here; upload some, open an example, or show all.")
        return self._entries([row])[0].image

    def progress(self, reader: str, wanted: WorklistFilter, counted: Counted | None = None) -> Progress:
        """Of the images that are wanted, which a page of them has `counted` already, and this reader's pace."""
        counted = counted or self._counted(self._reading(reader, wanted))
        auto_accepted, predicted = (counted.stages.get(stage, 0) for stage in (Stage.AUTO_ACCEPTED, Stage.PREDICTED))
        done = sum(n for stage, n in counted.stages.items() if not Stage(stage).open) - auto_accepted
        speed = pace(self.store.read_since(reader, datetime.now(UTC) - PACE_WINDOW))
        return Progress(done, counted.total, speed, auto_accepted, predicted, counted.capped, self.upkeep.waiting())

    def _reading(self, reader: str, wanted: WorklistFilter) -> Reading:
        """What is asked for, of rows that are up to date."""
        self.upkeep.catch_up()
        mode, retired, unsure = mode_of(self.service), wanted.stage == Stage.RETIRED, wanted.order is Order.UNCERTAIN
        view = View.of(mode, reader, retired)
        room = mode.own(reader) if self.service.apart else mode.room
        batch = batch_of(self.store, view, room) if unsure and not retired else ()
        usual = self.store.list_doubt(view.rooms) if unsure else None
        return Reading(self.store, view, asked_of(wanted), sections_of(wanted.order, usual), batch)

    def _row(self, reading: Reading, sha: str | None) -> ListedRow | None:
        """Of this image the row that the reader sees, asked for or not."""
        return self.store.listed(reading.view.rooms, [sha]).get(sha) if sha else None

    def _at(self, reading: Reading, cursor: str) -> Place:
        row = self._row(reading, cursor) if len(cursor) == SHA256 else None
        return reading.place_of(row) if row else Place.at(cursor)

    def _ring(self, reading: Reading, sha: str | None, *, back: bool = False, around: bool = True) -> Iterator[ListedRow]:
        """From the one behind an image (None: the first), or before it, once round or to the end, without itself."""
        row = self._row(reading, sha)
        if sha and row is None and not around:
            raise NotFound(NO_PLACE, id=sha[:12])
        start = reading.place_of(row) if row else None
        yield from (row for _, row in reading.walk(start, back=back, at_once=FEW))
        if start is None or not around:
            return
        for place, row in reading.walk(back=back, at_once=FEW):
            if place <= start if back else place >= start:
                break
            yield row

    def _counted(self, reading: Reading) -> Counted:
        stages, capped = self.store.count_listed(reading.view.rooms, reading.view.home, reading.asked)
        if reading.asked.open:
            stages = Counter({stage: n for stage, n in stages.items() if Stage(stage).open})
        return Counted(min(stages.total(), MOST) if capped else stages.total(), stages, capped)

    def _images(self, rows: Iterator[ListedRow]) -> Iterator[Image]:
        return (self._entries([row])[0].image for row in rows)

    def _entries(self, rows: Sequence[ListedRow]) -> tuple[Entry, ...]:
        images = self.store.images_by_sha([row.image_sha256 for row in rows])
        return tuple(entry_of(row, replace(images[row.image_sha256], name=row.name)) for row in rows)

    def readers(self) -> list[str]:
        """Everybody an image may be assigned to: who can log in, and whoever has reviewed or been assigned something. Nobody
        where images are private."""
        if self.service.private:
            return []
        return sorted({user.name for user in self.store.users()} | self.store.known_readers())

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


def pace(last: Mapping[str, datetime]) -> float | None:
    """Images an hour, of when each image of the last hour was reviewed last; None when fewer than three were."""
    if len(last) < 3:
        return None
    hours = (max(last.values()) - min(last.values())).total_seconds() / 3600
    return (len(last) - 1) / hours if hours > 0 else None
