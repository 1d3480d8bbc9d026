"""A reader's marks beside a model's: answers that spare what they did, the second look of a blind read and its changes. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pdc.domain.diff import CorrectionKind, diff
from pdc.domain.doubt import opened
from pdc.domain.values import UNSEEN, Findings, Mark, Origin, Question, Review, Status, Task, Verdict

FOUND = (CorrectionKind.KEPT, CorrectionKind.MOVED)


def second_look(own: Findings, model: Findings, task: Task) -> Findings:
    """The reader's findings, with what only the model found added as rejected marks (its doubtful ones stay so): shown, not
    counted, one key to accept.

    When counting there are no marks: the reader's number stands, and the model's is shown beside it.
    """
    if not task.has_marks:
        return own
    theirs = {m.id: f"model-{m.id}" for m in model.marks}
    renamed = replace(model, marks=tuple(replace(m, id=theirs[m.id]) for m in model.marks))
    known = {m.id for m in own.marks}  # shown before, and left as it was
    added = [m for m in _unknown(own, renamed) if m.id not in known]
    return replace(own, marks=own.marks + tuple(replace(m, origin=Origin.MODEL, status=_uncounted(m)) for m in added))


def _uncounted(mark: Mark) -> Status:
    return Status.REJECTED if mark.counts else mark.status


def _unknown(own: Findings, model: Findings) -> list[Mark]:
    """The model's marks, doubtful ones too, of objects that are not among `own`."""
    added = {c.after.id for c in diff(own, opened(model)) if c.after and c.kind is CorrectionKind.ADDED}
    return [m for m in model.marks if m.id in added]


def beside(own: Findings, model: Findings, task: Task) -> Findings:
    """What the reader drew, changed or judged, with the model's marks of all other objects; its older untouched marks are gone.

    A mark of the model with the id of one that the reader has is the same object. When counting, the model's number stands.
    What is made of an incomplete answer is incomplete, until the reader says that it is all.
    """
    complete = own.complete and model.complete
    if not task.has_marks:
        return replace(own, stated=model.stated, complete=complete)
    mine = tuple(m for m in own.marks if not m.untouched)
    known = {m.id for m in mine}
    fresh = replace(model, marks=tuple(m for m in model.marks if m.id not in known))
    seen = Findings(tuple(replace(m, status=Status.OPEN) for m in mine))  # what was rejected is not found again
    return replace(own, marks=(*mine, *_unknown(seen, fresh)), stated=model.stated, complete=complete)


@dataclass(frozen=True, slots=True)
class Faults:
    """Where findings and a reference disagree. `missed` and `extra` name objects, so that two reads can be compared."""

    missed: frozenset[str]
    extra: tuple[Mark, ...] = ()


def find_faults(read: Findings, reference: Findings, task: Task) -> Faults:
    """Objects of the reference not found (same place, same label), and marks that fit none of it. When counting: wrong labels."""
    if not task.has_marks:
        labels = {*read.stated, *reference.stated}
        return Faults(frozenset(n for n in labels if read.stated.get(n, 0) != reference.stated.get(n, 0)))
    named = replace(reference, marks=tuple(replace(m, id=f"reference-{i}") for i, m in enumerate(reference.marks)))
    changes = diff(named, read)
    missed = frozenset(c.before.id for c in changes if c.before is not None and c.kind not in FOUND)
    extra = tuple(c.after for c in changes if c.after is not None and c.kind not in FOUND)
    return Faults(missed, extra)


@dataclass(frozen=True, slots=True)
class Reading:
    """One reader on one image and question: the blind read, and the last one after the model was shown (None: not yet)."""

    image_sha256: str
    question: Question
    author: str
    blind: Review
    after: Review | None


@dataclass(frozen=True, slots=True)
class Changes:
    """What one reading changed, in objects (in labels when counting), against the reference."""

    wrong_to_right: int = 0
    right_to_wrong: int = 0
    wrong_before: int = 0
    wrong_after: int = 0

    def __add__(self, other: Changes) -> Changes:
        return Changes(
            self.wrong_to_right + other.wrong_to_right,
            self.right_to_wrong + other.right_to_wrong,
            self.wrong_before + other.wrong_before,
            self.wrong_after + other.wrong_after,
        )


def blind_readings(reviews: Sequence[Review]) -> list[Reading]:
    """The blind reads among these reviews (oldest first), each with its reader's last read after the model was shown."""
    first: dict[tuple[str, Question, str], Review] = {}
    after: dict[tuple[str, Question, str], Review] = {}
    for review in reviews:
        if review.verdict in (Verdict.SKIPPED, *UNSEEN):
            continue
        key = (review.image_sha256, review.question, review.author)
        if review.blind:
            first.setdefault(key, review)
        elif key in first and review.prediction_id is not None:
            after[key] = review
    return [Reading(*key, blind, after.get(key)) for key, blind in first.items()]


def count_changes(reading: Reading, reference: Findings) -> Changes:
    """Faults of the blind read that were mended after the model was shown, and faults that only came then."""
    task = reading.question.task
    before = find_faults(reading.blind.findings, reference, task)
    later = find_faults((reading.after or reading.blind).findings, reference, task)
    gone, new = _unmatched(before.extra, later.extra), _unmatched(later.extra, before.extra)
    return Changes(
        len(before.missed - later.missed) + gone,
        len(later.missed - before.missed) + new,
        len(before.missed) + len(before.extra),
        len(later.missed) + len(later.extra),
    )


def _unmatched(marks: Sequence[Mark], others: Sequence[Mark]) -> int:
    """How many of `marks` have no partner among `others`: same place, same label."""
    pairs = diff(Findings(tuple(marks)), Findings(tuple(others)))
    return sum(c.kind not in FOUND for c in pairs if c.before is not None)
