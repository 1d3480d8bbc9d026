"""The Review page while a sample is counted: what the open field adds to, which fields the list shows, and which comes next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pdc.counting.progress import progress
from pdc.counting.protocol import Protocol
from pdc.counting.tally import FieldCount, Replicate, Sample, least_asked
from pdc.domain.errors import NotFound
from pdc.domain.message import Message
from pdc.domain.values import Image, Question
from pdc.review.counting.sessions import CountSessions
from pdc.review.counting.state import CountField, CountSession, FieldState

GO_ON = Message("go on with the next field.")
ENOUGH = Message("Nothing more has to be read in this count. The Count page has the result.")
ALL_READ = Message("Every field of this count is read, and it is not complete yet. Add fields or a replicate on the Count page.")
NO_FIELDS = "This count has no fields: add images to it on the Count page."


@dataclass(frozen=True, slots=True)
class OpenField:
    """A field on the screen. `before` is what the other fields of its replicate count per class, and `earlier` other replicates,
    where they add to one target; `least` is None where that sum is kept from the reader. `short` and `reached` say what comes
    next: with the target not reached by this field, and with it reached. `at` is its place among `of` fields of its replicate.
    """

    session: CountSession
    protocol: Protocol
    place: CountField
    at: int
    of: int
    before: Mapping[str, int]
    earlier: Mapping[str, int]
    least: int | None
    short: Message
    reached: Message


class FieldDesk:
    """Goes by what is stored at that moment, as the sessions do."""

    def __init__(self, counts: CountSessions) -> None:
        self.counts = counts

    def session(self, sha256: str, reader: str, question: Question) -> CountSession | None:
        """The open session that a review of this image under this question counts in."""
        session = self.counts.open_session(sha256, reader)
        return session if session and question.task.has_marks and _covers(question, self.question(session)) else None

    def question(self, session: CountSession) -> Question:
        """What its fields are asked, under today's names."""
        return self.counts.store.question_now(session.question)

    def field(self, sha256: str, reader: str, question: Question) -> OpenField | None:
        """The image as a field, with what else its session counts; None where it is none."""
        session = self.session(sha256, reader, question)
        if session is None:
            return None
        fields, sample = self.fields(session), self.counts.sample(session.id)
        place = next(f for f in fields if f.sha256 == sha256)
        own = [f for f in fields if f.replicate == place.replicate]
        others = _without(sample, fields, place)
        protocol = self.counts.readings.samples.named_today(session.protocol)
        alone = place.blind and not protocol.target.each
        apart = alone or protocol.target.each
        earlier = {} if apart else _sum(f for i, r in enumerate(others.replicates, 1) if i != place.replicate for f in r.fields)
        before = _sum(others.replicates[place.replicate - 1].fields)
        next_ = (GO_ON, GO_ON) if alone else _next(protocol, others, place)
        least = None if alone else least_asked(protocol, others)
        return OpenField(session, protocol, place, own.index(place) + 1, len(own), before, earlier, least, *next_)

    def fields(self, session: CountSession) -> list[CountField]:
        """Those that are counted, read or not, in their order."""
        return [f for f in self.counts.readings.fields(session) if f.state is not FieldState.WITHDRAWN]

    def next(self, id: str, reader: str, after: str | None = None) -> CountField | None:
        """The field to read after this one: a later one before those that were passed over; None where none is left."""
        first = self.counts.next_field(id, reader)
        if first is None or after is None:
            return first
        fields = self.fields(self.counts.session(id, reader))
        here = next((i for i, f in enumerate(fields) if f.sha256 == after), -1)
        later = (f for f in fields[here + 1 :] if f.state is FieldState.OPEN and f.replicate >= first.replicate)
        return next(later, None) or (first if first.sha256 != after else None)

    def end(self, id: str) -> Message:
        """What the reader is told where no field is left to read."""
        return ENOUGH if self.counts.progress(id).done else ALL_READ

    def opened(self, id: str, reader: str, sha256: str | None = None) -> tuple[str, Question]:
        """The field that is opened: the one that is named, or the next to read, else the first; and its question."""
        session = self.counts.session(id, reader)
        if sha256 is None:
            place = self.next(id, reader) or self.beside(id, reader, None, 0)
            sha256 = place.sha256
        return session.field(sha256).sha256, self.question(session)

    def following(self, id: str, reader: str, sha256: str) -> list[tuple[Image, Question]]:
        """The fields behind this one that were not read, with the session's question."""
        session = self.counts.session(id, reader)
        fields = self.fields(session)
        here = next((i for i, f in enumerate(fields) if f.sha256 == sha256), -1)
        unread = [f.sha256 for f in fields[here + 1 :] if f.state is FieldState.OPEN]
        images = self.counts.store.images_by_sha(unread)
        return [(images[sha], self.question(session)) for sha in unread]

    def beside(self, id: str, reader: str, sha256: str | None, by: int) -> CountField:
        """The field before this one or behind it, read or not."""
        fields = self.fields(self.counts.session(id, reader))
        if not fields:
            raise NotFound(NO_FIELDS)
        here = next((i for i, f in enumerate(fields) if f.sha256 == sha256), 0)
        return fields[(here + by) % len(fields)]


def _covers(asked: Question, wanted: Question) -> bool:
    return set(wanted.labels) <= set(asked.labels)


def _without(sample: Sample, fields: Sequence[CountField], place: CountField) -> Sample:
    """The sample up to the replicate of a field, without what the field itself counts."""
    replicates = [*sample.replicates, *(Replicate(()) for _ in range(place.replicate - len(sample.replicates)))]
    read = [f for f in fields if f.replicate == place.replicate and f.state is FieldState.READ]
    own = replicates[place.replicate - 1]
    others = tuple(n for f, n in zip(read, own.fields, strict=True) if f.sha256 != place.sha256)
    replicates[place.replicate - 1] = replace(own, fields=others)
    return replace(sample, replicates=tuple(replicates))


def _sum(fields: Iterable[FieldCount]) -> dict[str, int]:
    return dict(sum((Counter(f.counted) for f in fields), Counter[str]()))


def _next(protocol: Protocol, others: Sample, place: CountField) -> tuple[Message, Message]:
    """What comes next once the field is read: with nothing in it, and with all that the target asks for."""
    target, squares = protocol.target, place.area.squares if place.area else None
    upto = list(others.replicates[: place.replicate])
    own = upto[-1]

    def after(n: int) -> Message:
        read = FieldCount(place.name, {target.of[0]: n}, squares=squares)
        full = replace(others, replicates=(*upto[:-1], replace(own, fields=(*own.fields, read))))
        return progress(protocol, full).next

    return after(0), after(max(least_asked(protocol, others), target.least))
