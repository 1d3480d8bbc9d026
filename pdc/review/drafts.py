"""A reader's work in progress on one question about one image, and what may stand in its way."""

from __future__ import annotations

import json
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from threading import Lock

from pdc.domain.carrying import answer_to, carried, unasked
from pdc.domain.diff import CorrectionKind, diff
from pdc.domain.message import Message, joined
from pdc.domain.values import Findings, Image, Likeness, Prediction, Question, Review, Verdict
from pdc.review.reading.lines import kind_of
from pdc.store.review_queries import DraftVersion

NOTHING = joined(())
REMEMBERED, LOCKS = 1000, 64  # saves that are remembered, and locks that drafts share


@dataclass(frozen=True, slots=True)
class Draft:
    """One reader's work on one question about one image; the only state a session has.

    `base_revision` is the stored revision it started from (0: none); `key` makes its save idempotent and names its place
    among the reader's drafts; `seen` is the stored draft it goes on from; `rev` counts the times the server replaced the
    findings, so that an editor can tell a new answer from an old one; `blind` means that nothing of any prediction may be
    shown before it is saved. `pinned` is what the reader wants asked of images with no question of their own; `carried` says
    that nobody chose this image's question for it.
    """

    image: Image
    question: Question
    author: str
    findings: Findings
    prediction: Prediction | None
    base_revision: int
    key: str
    rev: int = 0
    note: Message = NOTHING
    seen: DraftVersion | None = None
    blind: bool = False
    pinned: Question | None = None
    carried: bool = False
    started: Mapping[Question, int] = field(default_factory=dict)
    """the revisions that this work started from, under each question that it has been shown under"""
    confirmed: tuple[str, ...] = ()
    """labels of which the reader has been asked whether none is meant"""
    likeness: Likeness = field(default_factory=dict)
    """what an answer in the making says of the image; a whole one says it itself"""
    look: tuple[int, int] = (1, 1)
    """which look an answer in the making takes, of how many"""

    @property
    def kind(self) -> str:
        """Which line of revisions it belongs to (`pdc.review.reading.lines`); empty: the reviews."""
        return kind_of(self.key)

    @property
    def blank(self) -> bool:
        """Whether there is nothing on it that could be lost."""
        return self.findings in (Findings(), Findings(complete=False))


def key_of(draft: Draft, request: str) -> str:
    """The key under which a save of this draft is stored: of the request by which its sender named it, where there is one.

    It names the reader, the image and the question too, so that nobody meets the save of somebody else.
    """
    if not request:
        return draft.key
    named = (draft.kind, draft.author, draft.image.sha256, draft.question.task, *sorted(draft.question.labels), request)
    return sha256(json.dumps(named).encode()).hexdigest()


def carry(draft: Draft, question: Question) -> Draft:
    """The draft under another question about its image: its marks stay, as that question shows them (`carried`).

    `base_revision` is the one that this work started from under that question, 0 where it never was shown under it. A question
    that only names its labels in another order is the one it was shown under.
    """
    started = {**draft.started, draft.question: draft.base_revision}
    known = next((q for q in started if _same(q, question)), question)
    return replace(
        draft,
        question=known,
        findings=carried(draft.findings, draft.question, known),
        base_revision=started.get(known, 0),
        started=started,
        rev=draft.rev + 1,
        note=NOTHING,
        seen=None,
        confirmed=(),
    )


def _same(a: Question, b: Question) -> bool:
    return a.task is b.task and set(a.labels) == set(b.labels)


def kept_aside(draft: Draft) -> Message:
    """What of the marks the question does not show: "Kept aside: 3 marks of platelet."."""
    labels = Counter(m.label for m in draft.findings.aside.marks if m.label not in draft.question.labels)
    told = [Message("{n} of {label}", n=n, label=label) for label, n in labels.items()]
    return Message("Kept aside, and not saved as found or absent: {marks}.", marks=joined(told, ", ")) if told else NOTHING


def unsaid_nones(draft: Draft) -> tuple[str, ...]:
    """Labels that a save would say are not in the image, though neither the model nor the reader has said so.

    The model has answered, but was not asked for them; or the reader has counted some, and marked none.
    """
    found = draft.findings
    if not found.complete or draft.base_revision:
        return ()
    silent = unasked(draft.prediction, draft.question) if draft.prediction else ()
    typed = [label for label, n in found.aside.stated.items() if n]
    named = {m.label for m in found.marks} if draft.question.task.has_marks else {k for k, n in found.stated.items() if n}
    return tuple(label for label in draft.question.labels if label in (*silent, *typed) and label not in named)


def verdict_of(draft: Draft) -> Verdict:
    """Accepted when the reader changed nothing the model found, rejected when nothing of it was kept, else corrected.

    A doubtful mark was not found: left alone or rejected it changes nothing, accepted it is an addition. An answer that was
    cut is only a part of one, and never accepted.
    """
    before = answer_to(draft.prediction, draft.question) if draft.prediction else None
    if draft.prediction is None or before is None:
        return Verdict.CORRECTED
    unchanged = Verdict.CORRECTED if draft.prediction.cut else Verdict.ACCEPTED
    if not draft.question.task.has_marks:
        return unchanged if dict(before.stated) == dict(draft.findings.stated) else Verdict.CORRECTED
    changes = [c.kind for c in diff(before, draft.findings)]
    if all(kind is CorrectionKind.KEPT for kind in changes):
        return unchanged
    kept = any(m.counts for m in draft.findings.marks)
    return Verdict.CORRECTED if kept or not before.marks else Verdict.REJECTED


@dataclass(frozen=True, slots=True)
class Conflict:
    """What a reader has, what somebody saved meanwhile, and what both had started from."""

    base: Findings
    mine: Draft
    theirs: Review


class TakenWork:
    """What the newest saves have taken along, by the key of the draft. An autosave that was sent before a save may come after it:
    kept as a draft, it would bring back what the reader changed since. Any thread may ask."""

    def __init__(self) -> None:
        self._saves: OrderedDict[str, tuple[int, str, int]] = OrderedDict()  # edits, then the key and the revision gone on with
        self._locks = tuple(Lock() for _ in range(LOCKS))

    @contextmanager
    def saving(self, draft: Draft, edits: int) -> Iterator[Callable[[Draft], None]]:
        """While the work up to this edit is saved; then call what is yielded with the draft that the reader goes on with."""

        def done(saved: Draft) -> None:
            self._saves[draft.key] = edits, saved.key, saved.base_revision
            while len(self._saves) > REMEMBERED:
                self._saves.popitem(last=False)

        with self._turn(draft):
            yield done

    @contextmanager
    def keeping(self, draft: Draft, edits: int) -> Iterator[Draft | None]:
        """While the work up to this edit is kept: as which draft. Another one after a save; None where the save has it all."""
        with self._turn(draft):
            if (save := self._saves.get(draft.key)) is None:
                yield draft
                return
            taken, key, revision = save
            yield None if edits <= taken else replace(draft, key=key, base_revision=revision, seen=None)

    def _turn(self, draft: Draft) -> Lock:
        """One after the other: an autosave would come between a save and what is noted of it."""
        return self._locks[hash(draft.key) % LOCKS]
