"""Which reviews an import adds: each question about a picture with its answer, beside what is stored about the picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import uuid4

from pdc.domain.errors import BadQuestion
from pdc.domain.values import UNSEEN, USABLE, Findings, Mark, Origin, Question, Review, Shape, Status, Task, Verdict
from pdc.formats.contents import LeftOut, What
from pdc.formats.import_checks import Checked
from pdc.formats.import_report import SAME, STAYS
from pdc.formats.records import Asked
from pdc.formats.shapes.outlines import outline_of, untraced
from pdc.spool import Spool, spooled
from pdc.store import Store
from pdc.store.reading.records import Signature, Subject

GONE = "{by} retired this image on {at:%Y-%m-%d}; bring it back first (`python -m pdc images restore`)"
SEVERAL = "several readers read this image, so only the consensus of their reads counts"
SIGNED = "{by} signed the stored review on {at:%Y-%m-%d}; re-open it first"
Answer = tuple[Question, Findings]
Planned = tuple[Checked, list[Review]]


def plan(
    store: Store, checked: Iterable[Checked], task: Task | None, author: str, *, replaces: bool
) -> tuple[Collection[Planned], Collection[LeftOut]]:
    """The reviews to be stored for each picture that gets some, with the revision that each will have, and what stays out and
    why."""
    planned, left_out = Spool[Planned](), Spool[LeftOut]()
    retired, signed, several = store.retired(), store.signed(), store.read_by_several()
    for one in checked:
        if gone := retired.get(one.sha256):
            left_out.append(LeftOut(What.IMAGE, GONE.format(by=gone.by, at=gone.at), one.picture.file))
            continue
        try:
            answers = _answers(one, task)
        except BadQuestion as error:
            left_out.append(LeftOut(What.IMAGE, f"{error} Say which categories to import.", one.picture.file))
            continue
        before = _current(store, one.sha256)
        standing = Standing(dict(before), [q for q, _ in answers])
        reviews: list[Review] = []
        for answer in answers:
            own, more = _reviews(one, standing, answer, author, replaces)
            standing.newest.update({r.question: r for r in own})
            kept, closed = _open(own, before, signed, several, one.picture.file)
            reviews += kept
            left_out.extend(more + closed)
        if reviews:
            planned.append((one, reviews))
    return spooled(planned), spooled(left_out)


def _current(store: Store, sha256: str) -> dict[Question, Review]:
    """The current review of every question about an image; where nobody has looked at it, what was accepted unseen."""
    asked = dict.fromkeys(r.question for r in store.reviews(sha256, unseen=True))
    return {question: review for question in asked if (review := store.current_review(sha256, question))}


def _open(
    reviews: Sequence[Review],
    before: Mapping[Question, Review],
    signed: Mapping[str, Signature],
    several: Collection[Subject],
    file: str,
) -> tuple[list[Review], list[LeftOut]]:
    """The reviews that may be added: none over a signed one, and none beside the reads of several readers."""
    kept: list[Review] = []
    left_out: list[LeftOut] = []
    for review in reviews:
        stands = before.get(review.question)
        if (review.image_sha256, review.question) in several:
            left_out.append(LeftOut(What.ANSWER, SEVERAL, file))
        elif stands and stands.id in signed:
            by = signed[stands.id]
            left_out.append(LeftOut(What.ANSWER, SIGNED.format(by=by.by, at=by.at), file))
        else:
            kept.append(review)
    return kept, left_out


def _answers(one: Checked, task: Task | None) -> list[Answer]:
    """Each question about a picture, with its answer: one per task (and what was asked together), or one of `task`."""
    asked: dict[tuple[Task, tuple[str, ...]], list[Asked]] = {}
    for answer in one.picture.asked:
        asked.setdefault((task or answer.task, () if task else answer.question), []).append(answer)
    return [_answer(t, answers) for (t, _), answers in asked.items()]


def _answer(task: Task, asked: Sequence[Asked]) -> Answer:
    question = Question(task, tuple(dict.fromkeys(a.label for a in asked)))
    if not task.has_marks:
        return question, Findings(stated={a.label: a.count for a in asked})
    shapes = [(a.label, s.center if task.has_points else s) for a in asked for s in a.shapes]
    marks = tuple(_mark(f"m{i}", n, s) for i, (n, s) in enumerate(shapes, start=1))
    return question, Findings(marks, complete=all(a.complete for a in asked))


def _mark(name: str, label: str, shape: Shape) -> Mark:
    return Mark(name, untraced(shape), label, Origin.HUMAN, Status.ACCEPTED, outline=outline_of(shape))


def _review(sha256: str, question: Question, findings: Findings, author: str, current: Review | None) -> Review:
    return Review(
        id=uuid4().hex,
        image_sha256=sha256,
        question=question,
        prediction_id=None,
        verdict=Verdict.CORRECTED,
        findings=findings,
        author=author,
        revision=1 + (current.revision if current else 0),
        created_at=datetime.now(UTC),
    )


@dataclass(frozen=True, slots=True)
class Standing:
    """The newest review of each question about a picture. `asked` are the questions that the file answers about it."""

    newest: dict[Question, Review]
    asked: Sequence[Question]

    def denying(self, question: Question, findings: Findings, label: str) -> list[Review]:
        """Reviews of other questions of the same task that say otherwise about the label."""
        alike = (r for q, r in self.newest.items() if label in q.labels and q.task is question.task)
        others = (r for r in alike if r.question not in self.asked and r.verdict in USABLE)
        return [r for r in others if _said(r.findings, [label]) != _said(findings, [label])]


def _reviews(one: Checked, standing: Standing, answer: Answer, author: str, replaces: bool) -> tuple[list[Review], list[LeftOut]]:
    """The answer as the next revision of its question, if nothing stands against it, or it `replaces` what does."""
    question, findings = answer
    current, file = standing.newest.get(question), one.picture.file
    seen = current if current and current.verdict not in UNSEEN else None
    if seen and _said(seen.findings, question.labels) == _said(findings, question.labels):
        return [], [LeftOut(What.ANSWER, SAME, file)]
    if seen and not replaces:
        return [], [LeftOut(What.ANSWER, STAYS, file)]
    denied = {n: others for n in question.labels if (others := standing.denying(question, findings, n))}
    if denied and not replaces:
        return _rest(one, standing, answer, author, denied)
    return [_review(one.sha256, question, findings, author, current), *_revised(findings, denied, author)], []


def _rest(
    one: Checked, standing: Standing, answer: Answer, author: str, denied: Collection[str]
) -> tuple[list[Review], list[LeftOut]]:
    """What the answer says about the labels of which nothing else is stored."""
    question, findings = answer
    stays = [LeftOut(What.ANSWER, STAYS, one.picture.file, n) for n in denied]
    labels = tuple(n for n in question.labels if n not in denied)
    if not labels:
        return [], stays
    kept = replace(findings, marks=_marks(findings, labels), stated={n: c for n, c in findings.stated.items() if n in labels})
    reviews, more = _reviews(one, standing, (replace(question, labels=labels), kept), author, replaces=False)
    return reviews, stays + more


def _revised(findings: Findings, denied: Mapping[str, Sequence[Review]], author: str) -> list[Review]:
    """Revisions of other questions, with what is found now of the labels about which they said otherwise."""
    reviews = {r.id: r for others in denied.values() for r in others}
    return [_with(r, findings, [n for n, others in denied.items() if r in others], author) for r in reviews.values()]


def _with(review: Review, findings: Findings, labels: Sequence[str], author: str) -> Review:
    old = tuple(m for m in review.findings.marks if m.label not in labels)
    new = (replace(m, id=f"i{m.id}") for m in _marks(findings, labels))
    stated = {**review.findings.stated, **{n: c for n, c in findings.stated.items() if n in labels}}
    found = replace(review.findings, marks=(*old, *new), stated=stated)
    return _review(review.image_sha256, review.question, found, author, review)


def _marks(findings: Findings, labels: Collection[str]) -> tuple[Mark, ...]:
    return tuple(m for m in findings.marks if m.label in labels)


def _said(findings: Findings, labels: Collection[str]) -> tuple[object, ...]:
    marks = Counter((m.label, m.shape, m.outline) for m in findings.marks if m.counts and m.label in labels)
    return marks, {n: c for n, c in findings.stated.items() if n in labels and not findings.marks}, findings.complete
