"""What is known of count sessions: which there are, their fields, what was counted so far, and what comes next."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from pdc.counting.progress import Progress, progress
from pdc.counting.protocol import Protocol
from pdc.counting.tally import Sample
from pdc.domain.errors import NotFound
from pdc.images.intake import ImageFiles
from pdc.review.counting.blind import open_sessions
from pdc.review.counting.reading import Readings
from pdc.review.counting.samples import known_protocols
from pdc.review.counting.state import CountField, CountSession, FieldState, fold
from pdc.review.visibility import ImageAccess
from pdc.store import Store
from pdc.store.counting.records import CountEvent

FEW = 20  # counts among which an open one is looked for, beside all that are open


class CountLooks:
    """`access` says who may see which image; None: whoever asks sees all. A session is seen by those who may see all its images.

    No count is kept: every number is worked out from the reviews that are stored at that moment.
    """

    def __init__(self, store: Store, home: Path, access: ImageAccess | None = None, files: ImageFiles | None = None) -> None:
        self.store, self.home, self.access = store, home, access
        self.files = files or (access.files if access else ImageFiles(home / "images"))
        self.readings = Readings(store)

    def protocols(self) -> dict[str, Protocol]:
        """By name: those that ship, and the lab's own."""
        return known_protocols(self.home)

    def sessions(self, reader: str | None = None) -> list[CountSession]:
        """Those whose images this reader may all see (None: all there are), the newest first."""
        events: dict[str, list[CountEvent]] = {}
        for event in self.store.count_events():
            events.setdefault(event.session, []).append(event)
        found = [fold(begun, events.get(begun.id, [])) for begun in self.store.count_sessions()]
        return [session for session in found if self._sees(session, reader)]

    def newest(self, reader: str, most: int, sample: str = "") -> tuple[list[CountSession], bool]:
        """The open ones this reader may see, and of all at most so many, or of those with these letters in the sample's code; the
        newest first. And whether there are more. Where images are private they are those that the reader began."""
        own = reader if self.access and self.access.private else None
        found = self.store.newest_counts(most + 1, sample, by=own)
        known = {begun.id for begun in found[:most]}
        open = [] if own else self.store.counts_begun([id for id in self.store.open_counts() if id not in known])
        begun = sorted([*found[:most], *open], key=lambda one: one.at, reverse=True)
        events: dict[str, list[CountEvent]] = {}
        for event in self.store.count_events(of=[one.id for one in begun]):
            events.setdefault(event.session, []).append(event)
        sessions = [fold(one, events.get(one.id, [])) for one in begun]
        return [session for session in sessions if self._sees(session, reader)], len(found) > most

    def goes_on(self, id: str | None, reader: str) -> str | None:
        """This count, where the reader may see it; else the newest open one; None where there is none."""
        if id is not None:
            with suppress(NotFound):
                return self.session(id, reader).id
        return next((s.id for s in self.newest(reader, FEW)[0] if not s.closed), None)

    def session(self, id: str, reader: str | None = None) -> CountSession:
        """NotFound where there is none, or none that this reader may see."""
        session = fold(self.store.count_session(id), self.store.count_events(id))
        if not self._sees(session, reader):
            raise NotFound("There is no count {id}.", id=id[:12])
        return session

    def events(self, id: str, reader: str | None = None) -> list[CountEvent]:
        """Everything that was decided in it, oldest first."""
        self.session(id, reader)
        return self.store.count_events(id)

    def fields(self, id: str, reader: str | None = None) -> list[CountField]:
        """In the order in which they are read; withdrawn ones are among them."""
        return self.readings.fields(self.session(id, reader))

    def of_image(self, sha256: str, reader: str) -> CountField | None:
        """The image as a field of the newest open session that has it."""
        found = self.open_session(sha256, reader)
        return next((f for f in self.readings.fields(found) if f.sha256 == sha256), None) if found else None

    def open_session(self, sha256: str, reader: str) -> CountSession | None:
        """The newest open session of which this image is a field, if this reader may see it."""
        found = (session for session, _ in open_sessions(self.store, sha256))
        return next((session for session in found if self._sees(session, reader)), None)

    def next_field(self, id: str, reader: str) -> CountField | None:
        """The first field that is still to be read; None where the count is done, or all were read."""
        session = self.session(id, reader)
        reviews = self.readings.reviews(session)
        fields, sample = self.readings.fields(session, reviews), self.readings.sample(session, reviews)
        done = _replicates_done(session.protocol, sample)
        return next((f for f in fields if f.state is FieldState.OPEN and f.replicate not in done), None)

    def keeps_numbers(self, id: str, reader: str) -> bool:
        """Whether what the first replicates counted is kept from this reader: others read them, and the next field is blind."""
        place = self.next_field(id, reader)
        if place is None or not place.blind:
            return False
        before = [f for f in self.fields(id) if f.replicate < place.replicate and f.state is FieldState.READ]
        return bool(before) and all(f.by != reader for f in before)

    def sample(self, id: str) -> Sample:
        """What was counted so far, from the saved reviews."""
        return self.readings.sample(self.session(id))

    def progress(self, id: str) -> Progress:
        """Where the count stands, and what comes next."""
        session = self.session(id)
        return progress(session.protocol, self.readings.sample(session))

    def _sees(self, session: CountSession, reader: str | None) -> bool:
        if reader is None or self.access is None or not self.access.private:
            return True
        return {f.sha256 for f in session.fields} <= {image.sha256 for image in self.store.images_of(reader)}


def _replicates_done(protocol: Protocol, sample: Sample) -> set[int]:
    """Replicates of which no more is asked for."""
    done: set[int] = set()
    for i in range(1, len(sample.replicates) + 1):
        up_to_it = protocol.model_copy(update={"replicates": protocol.replicates.model_copy(update={"number": i})})
        if progress(up_to_it, replace(sample, replicates=sample.replicates[:i])).done:
            done.add(i)
    return done
