"""Several readers an image, blind to each other: who reads what, how far they are, and the consensus that is made of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from pdc.domain.errors import BadSetting, Forbidden, SeveralReaders
from pdc.domain.users.roles import Action, Allowed, anybody
from pdc.domain.values import Findings, Question, Review, Verdict
from pdc.review.reading.dealing import deal
from pdc.store import Store
from pdc.store.database import Images
from pdc.store.reading.records import Read, ReaderChange, ReaderEvent, ReadTask, Subject

LEAST = 2  # readers of an image, where there are several
VISITORS = "Here every visitor works alone, so no image can be given to several readers."
FEW = "Name at least {n} readers for each image; an image that has readers already takes one more at a time."
WHY = "Say why {reader} is withdrawn; the reason stays in the trail."
NOT_DONE = "{n} of {all} readers have finished; the consensus is made when all have, or the others are withdrawn."
NO_READERS = "Nobody was asked to read this image beside others; save it as an ordinary review."
NOT_ADJUDICATOR = "You may not make the consensus of this image: ask somebody who reads none of it, or one of its adjudicators."


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the readers of an image and question are. `settled`: there is a consensus. `again`: somebody was added and has
    finished since. `ever`: whoever was asked to read it, withdrawn since or not. Turns above the first are not counted: nobody is
    told of them."""

    readers: tuple[str, ...]
    finished: tuple[str, ...]
    settled: bool = False
    again: bool = False
    ever: frozenset[str] = frozenset()

    @property
    def complete(self) -> bool:
        """Whether every reader has finished."""
        return bool(self.readers) and len(self.finished) == len(self.readers)

    @property
    def to_adjudicate(self) -> bool:
        return self.complete and (not self.settled or self.again)


class Reads:
    """Who reads what beside others, and what they may see. Any thread.

    Whoever is named in `adjudicators` may make a consensus, else whoever was never asked to read the image. Nobody sees another's
    read before all have finished. With `private` every visitor works alone.
    """

    def __init__(
        self, store: Store, adjudicators: Collection[str] = (), *, private: bool = False, allowed: Allowed = anybody
    ) -> None:
        self.store, self.adjudicators, self.private = store, frozenset(adjudicators), private
        self.allowed = allowed

    # Who reads what

    def assign(
        self,
        shas: Sequence[str],
        question: Question,
        readers: Sequence[str],
        by: str,
        *,
        each: int | None = None,
        shows_model: bool = True,
    ) -> list[ReaderEvent]:
        """Give each image to `each` of the readers (None: to all), so that all have about as many. Returns what is new.

        BadSetting where an image would have fewer than two readers, NotFound when one is not stored.
        """
        if self.private:
            raise Forbidden(VISITORS)
        self.allowed(by, Action.ASSIGN)
        named = list(dict.fromkeys(name for reader in readers if (name := reader.strip())))
        tasks = self.store.read_tasks()
        has = {(t.given.image_sha256, t.given.question) for t in tasks}
        if not named or (min(each or len(named), len(named)) < LEAST and any((sha, question) not in has for sha in shas)):
            raise BadSetting(FEW, n=LEAST)
        for sha in shas:
            self.store.image(sha)
        dealt = deal(shas, named, each or len(named), _loads(tasks), _readers_of(tasks, question))
        events = [_given(sha, question, reader, by, shows_model=shows_model) for sha, reader in dealt]
        self.store.add_reader_events(events)
        return events

    def withdraw(self, shas: Sequence[str], question: Question, reader: str, by: str, reason: str) -> None:
        """Ask this reader no longer; what they read stays stored, and counts for nothing. BadSetting without a reason."""
        if not reason.strip():
            raise BadSetting(WHY, reader=reader)
        self.allowed(by, Action.ASSIGN)
        now = datetime.now(UTC)
        mine = [t.given for t in self.store.read_tasks() if t.given.reader == reader and t.given.question == question]
        gone = [g for g in mine if g.image_sha256 in set(shas)]
        self.store.add_reader_events(
            [
                ReaderEvent(g.image_sha256, question, ReaderChange.WITHDRAWN, reader, by, now, now, g.turn, note=reason.strip())
                for g in gone
            ]
        )

    def repeat(self, shas: Sequence[str], question: Question, by: str, *, opens_at: datetime | None = None) -> list[ReaderEvent]:
        """Give the images once more to those who have finished them, from `opens_at` on; nothing tells the reader."""
        self.allowed(by, Action.ASSIGN)
        wanted = set(shas)
        last: dict[tuple[str, str], ReadTask] = {}
        for task in self.store.read_tasks():
            if task.given.question == question and task.given.image_sha256 in wanted:
                last[task.given.image_sha256, task.given.reader] = task
        events = [
            _given(g.image_sha256, question, g.reader, by, shows_model=g.shows_model, turn=g.turn + 1, opens_at=opens_at)
            for g in (task.given for task in last.values() if task.finished)
        ]
        self.store.add_reader_events(events)
        return events

    def trail(self, sha256: str, user: str) -> list[ReaderEvent]:
        """Who was asked to read the image, or no longer, by whom and why; oldest first. Nothing of it for its readers, who are
        not told when it is given again, but for adjudicators."""
        events = self.store.reader_events(sha256)
        is_reader = any(event.reader == user for event in events)
        return [] if is_reader and user not in self.adjudicators else events

    # What one reader is to read

    def parts(self, reader: str, images: Images = None) -> dict[str, ReadTask]:
        """The sha256 of each image (of these or of all) that this reader reads beside others now -> what they read of it.

        While it is here they see nothing that anybody else said about the image. An open read comes first, then a finished one
        that waits for the consensus.
        """
        tasks = self.store.read_tasks(images)
        return self.parts_among(reader, tasks, standings_of(self.store, tasks, images))

    def parts_among(self, reader: str, tasks: Iterable[ReadTask], standings: Mapping[Subject, Standing]) -> dict[str, ReadTask]:
        """As `parts`, of these tasks."""
        now = datetime.now(UTC)
        found: dict[str, ReadTask] = {}
        for task in tasks:
            if task.given.reader == reader and self._is_part(task, standings, found.get(task.given.image_sha256), now):
                found[task.given.image_sha256] = task
        return found

    def _is_part(self, task: ReadTask, standings: Mapping[Subject, Standing], before: ReadTask | None, now: datetime) -> bool:
        """Whether this is what its reader reads now, rather than `before`."""
        given = task.given
        standing = standings[given.image_sha256, given.question]
        if given.opens_at > now or (before is not None and not before.finished):
            return False
        return not task.finished or not (standing.settled or self._adjudicates(given.reader, standing))

    def part(self, reader: str, sha256: str) -> ReadTask | None:
        """What this reader reads of this image beside others, or None."""
        return self.parts(reader, sha256).get(sha256)

    def open_reads(self, reader: str | None = None) -> list[ReadTask]:
        """What is not finished yet, of one reader or of all, in the order in which it was given."""
        tasks = self.store.read_tasks()
        return [t for t in tasks if not t.finished and reader in (None, t.given.reader)]

    # What was read

    def reads(self, sha256: str, question: Question) -> Mapping[str, Review]:
        """Reader -> their last finished read. For reports and the consensus: whoever asks has to be allowed to see it."""
        return self.store.reads(sha256, question)

    def all_reads(self) -> list[Read]:
        """The last finished read of every turn of every reader of every image, oldest first. As with `reads`."""
        return self.store.all_reads()

    def visible_reads(self, user: str, sha256: str | None = None) -> list[Read]:
        """Of one image or of all the reads that this user may see: where all have finished, and the user has no read open."""
        may = {s for s, standing in self.standings(sha256).items() if self.may_see(user, standing)}
        own = self.parts(user, sha256) if may else {}
        seen = [r for r in self.store.all_reads(sha256) if may and (r.review.image_sha256, r.review.question) in may]
        return [r for r in seen if r.review.image_sha256 not in own]

    def standings(self, images: Images = None) -> dict[Subject, Standing]:
        """How far the readers are, of every image and question that was given to several."""
        return standings_of(self.store, self.store.read_tasks(images), images)

    def standing(self, sha256: str, question: Question) -> Standing | None:
        """None where the image and question was not given to several."""
        return self.standings(sha256).get((sha256, question))

    # The consensus

    def may_see(self, user: str, standing: Standing) -> bool:
        """Whether this user may see what each of the readers read."""
        return standing.complete and self._adjudicates(user, standing)

    def _adjudicates(self, user: str, standing: Standing) -> bool:
        if not standing.complete:
            return False
        return user in self.adjudicators if self.adjudicators else user not in standing.ever

    def to_adjudicate(self, user: str, images: Images = None) -> list[Subject]:
        """Images and questions whose readers have all finished, and of which this user may make the consensus."""
        return self.due_among(user, self.standings(images))

    def due_among(self, user: str, standings: Mapping[Subject, Standing]) -> list[Subject]:
        """As `to_adjudicate`, of these."""
        return [s for s, standing in standings.items() if standing.to_adjudicate and self.may_see(user, standing)]

    def basis(self, sha256: str, question: Question, by: str) -> tuple[str, ...]:
        """The ids of the reads that a consensus by this user rests on. SeveralReaders says why they may not make one."""
        standing = self.standing(sha256, question)
        if standing is None:
            raise SeveralReaders(NO_READERS)
        if not standing.complete:
            raise SeveralReaders(NOT_DONE, n=len(standing.finished), all=len(standing.readers))
        if not self.may_see(by, standing):
            raise SeveralReaders(NOT_ADJUDICATOR)
        return tuple(review.id for review in self.reads(sha256, question).values())

    def adjudicate(
        self,
        sha256: str,
        question: Question,
        findings: Findings,
        by: str,
        *,
        base_revision: int | None = None,
        key: str | None = None,
    ) -> Review:
        """Append the consensus of the readers as the next review; it names the reads that it rests on.

        SeveralReaders when not all have finished, or this user may not; StaleSave when the current review is not
        `base_revision` (None: whatever it is now); Signed when that is signed.
        """
        basis, question = self.basis(sha256, question, by), self.store.question_now(question)
        current = self.store.current_review(sha256, question)
        base = base_revision if base_revision is not None else current.revision if current else 0
        now = datetime.now(UTC)
        review = Review(uuid4().hex, sha256, question, None, Verdict.CORRECTED, findings, by, base + 1, now, rests_on=basis)
        return self.store.save_review(review, key=key or uuid4().hex, base_revision=base)


def _given(
    sha256: str, question: Question, reader: str, by: str, *, shows_model: bool, turn: int = 1, opens_at: datetime | None = None
) -> ReaderEvent:
    now = datetime.now(UTC)
    return ReaderEvent(sha256, question, ReaderChange.GIVEN, reader, by, now, opens_at or now, turn, shows_model)


def standings_of(store: Store, tasks: Sequence[ReadTask], images: Images) -> dict[Subject, Standing]:
    if not tasks:
        return {}
    bases, first = store.consensus_bases(images), dict[Subject, list[ReadTask]]()
    for task in tasks:
        of = first.setdefault((task.given.image_sha256, task.given.question), [])
        of += [task] if task.given.turn == 1 else []
    ever: dict[Subject, set[str]] = {}
    for event in store.reader_events(images):
        ever.setdefault((event.image_sha256, event.question), set()).add(event.reader)
    return {s: _standing(own, bases.get(s), frozenset(ever[s])) for s, own in first.items()}


def _standing(tasks: Sequence[ReadTask], basis: frozenset[str] | None, ever: frozenset[str]) -> Standing:
    finished = [t for t in tasks if t.finished]
    new = basis is not None and any(t.last is not None and t.last.id not in basis for t in finished)
    readers, done = (tuple(t.given.reader for t in of) for of in (tasks, finished))
    return Standing(readers, done, basis is not None, new, ever)


def _loads(tasks: Sequence[ReadTask]) -> dict[str, int]:
    """How many reads each reader has been given."""
    loads: dict[str, int] = {}
    for task in tasks:
        loads[task.given.reader] = loads.get(task.given.reader, 0) + 1
    return loads


def _readers_of(tasks: Sequence[ReadTask], question: Question) -> dict[str, set[str]]:
    """Who reads each image under this question already."""
    found: dict[str, set[str]] = {}
    for task in tasks:
        if task.given.question == question:
            found.setdefault(task.given.image_sha256, set()).add(task.given.reader)
    return found
