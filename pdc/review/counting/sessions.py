"""Count sessions: a sample is begun by a protocol, its fields are read one after the other, and a sheet is signed.

A session keeps no count. Every number is worked out from the reviews that are stored at that moment, by the protocol as it was
when the session was begun.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from pdc.counting.area import CountingArea
from pdc.counting.chambers import CHAMBERS
from pdc.counting.fair_fields import Way
from pdc.counting.protocol import AreaKind, BadProtocol, Protocol
from pdc.domain.errors import BadSetting, NotFound
from pdc.domain.values import MAX_LABELS, Image, Question, Task
from pdc.review.counting.blanks import filled_in, noted_of
from pdc.review.counting.choosing import Choice, choose, way_of
from pdc.review.counting.reading import area_in
from pdc.review.counting.sheets import CountSheets
from pdc.review.counting.state import CountSession, FieldState, fold
from pdc.store.counting.records import CountBegun, CountEvent, CountEventKind

NO_CODE = "A sample needs a code of 1 to 80 characters; never write a patient's name."
NO_IMAGES = "Name the images of each replicate: a group of images, or images one by one."
TWICE = "{name} is in this count twice. Each field is another picture: two looks at one picture agree whatever was counted."
CLOSED = "This count is closed. Re-open it with a reason to change it."
WHY_OUT = "Say why the field is withdrawn; the reason stands on the sheet."
WHY_AGAIN = "Say why the count is re-opened; the reason stays with it."
MANY_LABELS = "This protocol asks for {n} labels; one question has {most} at most. Make two protocols of it."
OTHER_CHAMBER = "This count was begun with the chamber {chamber}, not {other}: begin another one for that."
NO_LABELS = "No class of this protocol has labels, so that no mark could be counted."
Images = str | Sequence[str]
"""a group of images, or their sha256"""


class CountSessions(CountSheets):
    """Every method may be called from any thread, and raises PdcError with a sentence when it cannot be done."""

    # Begin

    def start(
        self,
        protocol: str | Protocol,
        sample: str,
        replicates: Sequence[Images],
        way: str = Way.ALL,
        n: int | None = None,
        seed: int | None = None,
        chamber: str | None = None,
        *,
        reader: str,
        task: Task = Task.COUNT_AND_BOX,
    ) -> CountSession:
        """Begin a count. Each replicate is a group of images, or images one by one; `way` says how its fields are chosen of them.

        The images of a list are taken in the order in which they were stored, but those `named` by the reader as named.
        """
        rules = self._protocol(protocol)
        code = sample.strip()
        if not 0 < len(code) <= 80 or not code.isprintable():
            raise BadSetting(NO_CODE)
        if not replicates:
            raise BadSetting(NO_IMAGES)
        id, at, choice = uuid4().hex, datetime.now(UTC), Choice(way_of(way, rules), n, seed)
        events = [e for i, images in enumerate(replicates, 1) for e in self._chosen(id, images, choice, i, reader, at)]
        self._refuse_twice([e.image_sha256 or "" for e in events])
        question = Question(task, _labels(rules))
        text = json.dumps(rules.model_dump(mode="json"), sort_keys=True)
        words = "; ".join(dict.fromkeys(e.value["how"] for e in events))
        begun = CountBegun(id, code, text, question, _chamber(chamber, rules), words, reader, at)
        self.store.add_count_session(begun, events)
        return fold(begun, events)

    def add_field(self, id: str, sha256: str, replicate: int, reader: str) -> CountSession:
        """One image more, named by the reader; the sheet says so. One that was withdrawn comes back."""
        session, choice = self._open(id, reader), Choice(Way.NAMED)
        if not 1 <= replicate <= session.replicates:
            raise NotFound("There is no replicate {n} in this count.", n=replicate)
        known = next((f for f in session.fields if f.sha256 == sha256), None)
        if known is not None and (known.state is not FieldState.WITHDRAWN or known.replicate != replicate):
            raise BadSetting(TWICE, name=self.store.image(sha256).name)
        return self._add(session, self._chosen(id, [sha256], choice, replicate, reader, datetime.now(UTC)), reader)

    def add_replicate(
        self, id: str, images: Images, way: str = Way.ALL, n: int | None = None, seed: int | None = None, *, reader: str
    ) -> CountSession:
        """Another replicate: another preparation of the sample, never another look at the same pictures."""
        session = self._open(id, reader)
        choice = Choice(way_of(way, session.protocol), n, seed)
        events = self._chosen(id, images, choice, session.replicates + 1, reader, datetime.now(UTC))
        self._refuse_twice([f.sha256 for f in session.fields] + [e.image_sha256 or "" for e in events])
        return self._add(session, events, reader)

    # Decide

    def fill(
        self,
        id: str,
        name: str,
        value: float | str | None,
        replicate: int | None = None,
        sha256: str | None = None,
        *,
        reader: str,
    ) -> CountSession:
        """Fill in what the protocol asks for; None or nothing empties it. BadSetting says what would be right."""
        session = self._open(id, reader)
        checked = filled_in(session, name, value, replicate, sha256)
        return self._decide(session, CountEventKind.FILL, reader, replicate, sha256, name=name, value=checked)

    def note(self, id: str, sha256: str, noted: Collection[str], reader: str) -> CountSession:
        """What the reader noted of a field, in place of what was noted before."""
        session = self._open(id, reader)
        place = session.field(sha256)
        value = noted_of(session.protocol, noted)
        return self._decide(session, CountEventKind.NOTE, reader, place.replicate, sha256, value=value)

    def set_area(self, id: str, sha256: str | None, area: CountingArea | Mapping[str, Any] | None, reader: str) -> CountSession:
        """What of a field is counted and how large it is, or of all fields, later ones too (no sha256); None: not known.

        In JSON an area without a shape is the whole image. BadArea says what is wrong with it.
        """
        session = self._open(id, reader)
        place = session.field(sha256) if sha256 else None
        value = area.to_json() if isinstance(area, CountingArea) else dict(area) if area is not None else None
        if value is not None and value.get("squares") is not None:
            value = {"chamber": session.chamber, **value}
        for field in [place] if place else session.fields:
            self._check_area(session, value, field.sha256)
        return self._decide(session, CountEventKind.AREA, reader, place and place.replicate, sha256, value=value)

    def _check_area(self, session: CountSession, value: Mapping[str, Any] | None, sha256: str) -> None:
        if value is None:
            return
        area = area_in(value, self.store.image(sha256))
        if area.chamber is not None and area.chamber != session.chamber:
            raise BadSetting(OTHER_CHAMBER, chamber=session.chamber or "none", other=area.chamber)

    def withdraw(self, id: str, sha256: str, why: str, reader: str) -> CountSession:
        """Leave a field out, with a reason that stands on the sheet. Its review stays as it is."""
        session = self._open(id, reader)
        place = session.field(sha256)
        if not why.strip():
            raise BadSetting(WHY_OUT)
        return self._decide(session, CountEventKind.WITHDRAWN, reader, place.replicate, sha256, why=why.strip())

    def close(self, id: str, reader: str, why: str = "") -> CountSession:
        return self._decide(self._open(id, reader), CountEventKind.CLOSED, reader, why=why.strip())

    def reopen(self, id: str, reader: str, why: str) -> CountSession:
        """BadSetting without a reason."""
        if not why.strip():
            raise BadSetting(WHY_AGAIN)
        return self._decide(self.session(id, reader), CountEventKind.REOPENED, reader, why=why.strip())

    # Within

    def _protocol(self, wanted: str | Protocol) -> Protocol:
        if isinstance(wanted, Protocol):
            return wanted
        known = self.protocols()
        if wanted not in known:
            raise BadSetting("There is no protocol {name}; there are {names}.", name=repr(wanted), names=", ".join(known))
        return known[wanted]

    def _chosen(self, id: str, images: Images, choice: Choice, replicate: int, reader: str, at: datetime) -> list[CountEvent]:
        """The events that make some of these images fields of a replicate."""
        pool, of = self._pool(images, choice.way, reader)
        shas, how = choose(pool, choice, of)
        kind, value = CountEventKind.FIELD, {"way": choice.way, "how": how}
        return [CountEvent(id, kind, reader, at, replicate=replicate, image_sha256=sha, value=value) for sha in shas]

    def _pool(self, images: Images, way: Way, reader: str) -> tuple[list[str], str]:
        """The images to choose from, in the order in which they were stored, and which they are in words."""
        if way is Way.NAMED and not isinstance(images, str):
            return [self._image(sha, reader) for sha in images], ""
        if isinstance(images, str):
            found = [image.sha256 for image in self._of_group(images, reader)]
            if not found:
                raise NotFound("There is no image of the group {group}.", group=repr(images))
            return found, f"of {images!r}"
        wanted = [self._image(sha, reader) for sha in images]
        if not wanted:
            raise BadSetting(NO_IMAGES)
        return self.store.in_order_stored(wanted), "that the reader named"

    def _of_group(self, group: str, reader: str) -> list[Image]:
        """As they were stored; of visitors' images the reader's own."""
        if self.access and self.access.private:
            return [image for image in self.access.images(reader) if image.group == group]
        return self.store.images_of_groups([group])

    def _image(self, sha256: str, reader: str) -> str:
        return (self.access.image(sha256, reader) if self.access else self.store.image(sha256)).sha256

    def _refuse_twice(self, shas: Sequence[str]) -> None:
        seen: set[str] = set()
        for sha in shas:
            if sha in seen:
                raise BadSetting(TWICE, name=self.store.image(sha).name)
            seen.add(sha)

    def _open(self, id: str, reader: str) -> CountSession:
        session = self.session(id, reader)
        if session.closed:
            raise BadSetting(CLOSED)
        return session

    def _add(self, session: CountSession, events: Sequence[CountEvent], reader: str) -> CountSession:
        self.store.add_count_events(events)
        return self.session(session.id, reader)

    def _decide(
        self,
        session: CountSession,
        kind: CountEventKind,
        reader: str,
        replicate: int | None = None,
        sha256: str | None = None,
        **said: Any,
    ) -> CountSession:
        event = CountEvent(session.id, kind, reader, datetime.now(UTC), replicate, sha256, **said)
        return self._add(session, [event], reader)


def _labels(protocol: Protocol) -> tuple[str, ...]:
    labels = tuple(label for c in protocol.classes for label in c.labels)
    if not labels:
        raise BadProtocol(NO_LABELS)
    if len(labels) > MAX_LABELS:
        raise BadProtocol(MANY_LABELS, n=len(labels), most=MAX_LABELS)
    return labels


def _chamber(name: str | None, protocol: Protocol) -> str | None:
    name = name or protocol.area.chamber
    if name is not None and name not in CHAMBERS:
        raise BadSetting("There is no chamber {name}; there are {names}.", name=repr(name), names=", ".join(CHAMBERS))
    return name if protocol.area.kind is AreaKind.CHAMBER else None
