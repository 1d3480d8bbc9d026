"""The review service: open an image, edit, save, skip. A frozen Draft goes in and a frozen Draft comes out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING
from uuid import uuid4

from pdc.domain.agreement.consensus import propose
from pdc.domain.carrying import answer_to
from pdc.domain.diff import diff
from pdc.domain.errors import PdcError, ReadFirst, StaleSave
from pdc.domain.merge import Take, merge
from pdc.domain.message import Message, joined
from pdc.domain.users.roles import Allowed, anybody
from pdc.domain.values import UNSEEN, Box, Findings, Origin, Prediction, Question, Review, Verdict
from pdc.images.burned_in.door import TextRule
from pdc.images.intake import ImageFiles
from pdc.inference.predictors.base import Predictor, SoFar
from pdc.inference.predictors.zoom import zoom_in
from pdc.review.answering import STOPPED, STOPPED_ZOOM, DraftAnswer, Part, Serving, untaught_note
from pdc.review.blind_reading import beside, second_look
from pdc.review.drafts import Conflict, Draft, carry, key_of, verdict_of
from pdc.review.reading.lines import CONSENSUS, Line, fresh_key, kind_of
from pdc.review.reading.reads import Reads
from pdc.review.requests import Cancelled, Priority
from pdc.review.visibility import ImageAccess
from pdc.store.records import StoredDraft
from pdc.store.store import Store

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

KEPT_UNTIL_SAVED = "Blind read: the model's answer is kept from you until you have saved."
KEPT_FROM_YOU = "You read this image beside others: the model's answer is kept from you until their consensus is made."
PROPOSED = "Proposed from the reads of {readers}: what most marked counts. Look over the rest, then save their consensus."
READ_FIRST = "This is a blind read: save what you see first; then the model's answer can be shown."
SECOND_LOOK = Message(
    "The model's other marks are dashed and not counted: accept (A) what you agree with, then save a second read."
)
UNREADABLE = Message("The model's answer could not be read; this does not mean that nothing is there. Mark by hand or ask again.")
AUTO_ACCEPTED = "Auto-accepted by {reader}: nobody has looked at it. Look it over, then save to confirm it."
NO_RULE = TextRule()
OVER = "Now over revision {n} by {reader}. Look it over, then save."


class ReviewService(ImageAccess):
    """Every method may be called from any thread; each raises PdcError with a sentence when it cannot be done.

    With `blind` a reader is shown nothing of any prediction, nor of what others made of one, before a read of their own is
    saved. With `private` every reader has only the images that they brought, and sees nobody else's reviews. `trouble` says
    what a reader should know about who answers. `looks`: from how many an answer for the screen is voted,
    `unhurried`: from how many one that nobody waits for. `text_rule`: what becomes of images with text burned into them.
    `numbered`: uploads are stored under numbers instead of their names. `saved` is told what each save took.
    """

    def __init__(
        self,
        store: Store,
        files: ImageFiles,
        predictor: Predictor,
        max_megapixels: int = 50,
        *,
        serving: Callable[[Question], Serving] | None = None,
        at_once: int = 1,
        blind: bool = False,
        private: bool = False,
        trouble: Callable[[], Message | None] = lambda: None,
        versions: Sequence[str | None] = (),
        adjudicators: Collection[str] = (),
        looks: int = 1,
        unhurried: Callable[[Question], int] = lambda question: 1,
        allowed: Allowed = anybody,
        text_rule: TextRule = NO_RULE,
        numbered: bool = False,
    ) -> None:
        super().__init__(store, files, predictor, serving, at_once, versions)
        self.max_megapixels, self.blind, self.private, self.trouble = max_megapixels, blind, private, trouble
        self.looks, self.unhurried, self.allowed, self.text_rule, self.numbered = looks, unhurried, allowed, text_rule, numbered
        self.reads = Reads(store, adjudicators, private=private, allowed=allowed)
        self.saved: Callable[[float], object] = lambda seconds: None

    # Open

    def open(self, sha256: str, question: Question, author: str) -> Draft:
        """The author's own draft if there is one, else the current review, else the stored answer. Asks no model."""
        image, question = self.image(sha256, author), self.store.question_now(question)
        hidden = self.hides(sha256, question, author)
        key = self.key_for(author, sha256, question)
        line = self.line(author, sha256, question, key)
        draft = Draft(image, question, author, Findings(), None, line.base(), key, blind=hidden)
        review, mine = line.newest(), self._kept(draft)
        after = line.revision(mine.base_revision + 1) if mine else None
        said = mine and any(r is not None and r.findings == mine.findings for r in (review, after))
        if mine and not said and not (hidden and mine.prediction_id):
            return self._resumed(draft, mine)
        if hidden and not (review and draft.kind):
            return replace(draft, note=Message(KEPT_FROM_YOU if draft.kind else KEPT_UNTIL_SAVED))
        if draft.kind == CONSENSUS and not (review and review.rests_on):
            return self._proposed(draft)
        if review and review.verdict is not Verdict.TAKEN_BACK and not _says_nothing(review):
            prediction = self.store.prediction(review.prediction_id) if review.prediction_id else None
            return replace(draft, findings=review.findings, prediction=prediction, note=_said_when_opened(review))
        known = self.known(sha256, question)
        if known:
            return self._answered(replace(draft, rev=1), known)
        return draft if self.asked(question) else replace(draft, note=self._note(sha256, question))

    def _proposed(self, draft: Draft) -> Draft:
        """What the readers say together, for whoever makes their consensus to look over."""
        reads = self.reads.reads(draft.image.sha256, draft.question)
        proposal = propose({reader: review.findings for reader, review in reads.items()}, draft.question)
        note = Message(PROPOSED, readers=", ".join(reads))
        return replace(draft, findings=proposal.findings, rev=1, note=note)

    def _kept(self, draft: Draft) -> StoredDraft | None:
        """The reader's newest unsaved work of the same line."""
        kept = self.store.drafts(draft.image.sha256, draft.question, draft.author)
        return next((d for d in reversed(kept) if kind_of(d.key) == draft.kind), None)

    def _resumed(self, draft: Draft, mine: StoredDraft) -> Draft:
        prediction = self.store.prediction(mine.prediction_id) if mine.prediction_id else None
        note = Message("Your unsaved work of {time} is back.", time=_clock(mine.saved_at))
        base = draft.base_revision if draft.blind else mine.base_revision
        return replace(draft, findings=mine.findings, prediction=prediction, base_revision=base, seen=mine.seen, note=note)

    # Ask

    def ask(self, draft: Draft, looks: int | None = None) -> DraftAnswer:
        """Have the model answer this draft, from so many looks (None: `self.looks`). One with such an answer is answered anew.

        What the reader did is spared (`beside`). After a blind read the model's other marks come as rejected ones
        (`second_look`), and before it ReadFirst is raised. No review is touched.
        """
        self._check_read(draft)
        self._count_question(draft)
        kept = beside(draft.findings, Findings(), draft.question.task).marks
        taken = any(m.origin is not Origin.HUMAN for m in kept)
        told, looks = draft.prediction, looks or self.looks
        same = told is not None and told.looks >= looks and told.question == self.asked(draft.question)
        again = told is not None and (taken or same) and not self.blind
        watch = self.request(draft.image, draft.question, again=again, taken=taken, looks=looks)
        return DraftAnswer(replace(draft, blind=False), watch, self._answered, STOPPED)

    def zoom(self, draft: Draft, region: Box) -> DraftAnswer:
        """Have the model look again, larger, at a region (pixels of the image); the draft with what that adds to it."""
        self._check_read(draft)
        asked = self.must_ask(draft.question)
        self.limits.ask(draft.author)
        pixels = self.files.open(draft.image.sha256)
        watch = self.requests.ask(uuid4().hex, Priority.SCREEN, partial(self._zoom, draft, asked, pixels, region))
        return DraftAnswer(draft, watch, _zoomed, STOPPED_ZOOM)

    def predict(self, draft: Draft) -> Draft:
        """The draft with the whole answer; waits for it."""
        answer = self.ask(draft)
        answer.watch.result()
        return answer.now()

    def _count_question(self, draft: Draft) -> None:
        """A stored answer costs nothing."""
        if draft.prediction is not None or self.known(draft.image.sha256, draft.question) is None:
            self.limits.ask(draft.author)

    def _check_read(self, draft: Draft) -> None:
        if self.hides(draft.image.sha256, draft.question, draft.author):
            raise ReadFirst(KEPT_FROM_YOU if draft.kind else READ_FIRST)

    def _zoom(self, draft: Draft, asked: Question, pixels: PilImage, region: Box, cancelled: Cancelled) -> Iterator[Findings]:
        found = zoom_in(self.predictor, pixels, asked, region, draft.findings.marks, cancelled)
        if found is not None:
            yield found

    def _answered(self, draft: Draft, part: Part) -> Draft:
        """The draft with an answer, or a part of one; one that could not be read leaves the findings as they are."""
        prediction = part if isinstance(part, Prediction) else None
        found, draft = part.findings, replace(draft, prediction=prediction, likeness=part.likeness)
        draft = replace(draft, look=part.look) if isinstance(part, SoFar) else draft
        if found is None:
            return replace(draft, note=UNREADABLE)
        look = second_look if self.reads_blind(draft.image.sha256) else beside
        findings = look(draft.findings, found, draft.question.task)
        return replace(draft, findings=findings, note=self._note(draft.image.sha256, draft.question))

    def _note(self, sha256: str, question: Question) -> Message:
        look = SECOND_LOOK if self.reads_blind(sha256) and self.asked(question) else ""
        return joined((self.trouble() or "", look, self._untaught(question)), " · ")

    def _untaught(self, question: Question) -> str:
        unknown = self.predictor.untaught(question)
        return untaught_note(unknown) if unknown else ""

    # Another question

    def change_question(self, draft: Draft, question: Question) -> Draft:
        """The draft under another question, its marks kept (`carry`), on disk too; asks no model.

        A draft with nothing on it opens what is known about the other question. Where reads are blind, what was seen under one
        question is not carried to one that this reader has not read yet.
        """
        if question == draft.question:
            return draft
        unread = self.hides(draft.image.sha256, question, draft.author)
        opened = self.open(draft.image.sha256, question, draft.author)
        if unread and not draft.blind:
            return opened
        self.store.drop_draft(draft.author, draft.image.sha256, draft.question, draft.key, draft.seen)
        if draft.blank and (draft.prediction is None or opened.prediction or not opened.blank):
            return opened
        turned = carry(draft, question)
        same = draft.kind == opened.kind
        turned = replace(turned, blind=unread, key=draft.key if same else opened.key)
        turned = replace(turned, base_revision=self._goes_on_from(turned))
        return self.edit(turned, turned.findings)

    def _goes_on_from(self, turned: Draft) -> int:
        """The current revision, when it was seen or says nothing that the draft does not hold; else a save has to ask."""
        current = self._newest(turned)
        if current is None or turned.base_revision:
            return turned.base_revision
        lost = any(c.after is None for c in diff(current.findings, turned.findings))
        typed = current.findings.stated if not turned.question.task.has_marks else {}
        return 0 if lost or (typed and typed != turned.findings.stated) else current.revision

    # Keep

    def edit(self, draft: Draft, findings: Findings) -> Draft:
        """Keep the reader's work on disk under their name; nothing is published by it.

        What is already saved is not kept as a draft again: an autosave may arrive after the save that it preceded, or be
        overtaken by it.
        """
        edited = replace(draft, findings=findings)
        if self._saved(edited):
            return edited
        self.keep(edited)
        if self._saved(edited):
            self.store.drop_draft(draft.author, draft.image.sha256, draft.question, draft.key)
        return edited

    def keep(self, draft: Draft) -> None:
        """Put the draft on disk, whatever is saved."""
        self.store.put_draft(
            draft.author,
            draft.image.sha256,
            draft.question,
            draft.findings,
            draft.base_revision,
            draft.prediction.id if draft.prediction else None,
            draft.key,
            draft.seen,
        )

    def _saved(self, draft: Draft) -> bool:
        review = self._newest(draft)
        return review is not None and review.findings == draft.findings

    def save(self, draft: Draft, verdict: Verdict | None = None, request: str = "") -> tuple[Draft, Review]:
        """Append a review. Raises StaleSave, and keeps the draft, when somebody else saved in between.

        Where readers are apart, a read goes behind what others saved meanwhile. Sent again, a save makes no second revision:
        what the reader's own newest review says already, as after an answer that was lost, is not said twice. `request` is the
        sender's own name of this save: sent again under it, what it stored is returned, whatever happened since.
        """
        begun = perf_counter()
        self.limits.save()
        blind = draft.blind and self.hides(draft.image.sha256, draft.question, draft.author)
        review = Review(
            uuid4().hex,
            draft.image.sha256,
            draft.question,
            draft.prediction.id if draft.prediction else None,
            verdict or verdict_of(draft),
            draft.findings,
            draft.author,
            draft.base_revision + 1,
            _now(),
            blind,
        )
        stored = self._standing(review, draft) or self._append(review, draft, key_of(draft, request))
        hidden = self.hides(draft.image.sha256, draft.question, draft.author)
        note = said_when_saved(stored)
        key = fresh_key(draft.kind)
        self.saved(perf_counter() - begun)
        return replace(draft, base_revision=stored.revision, key=key, seen=None, note=note, blind=hidden), stored

    def save_or_keep(self, draft: Draft, request: str = "") -> tuple[Draft, Review]:
        """`save`; what cannot be saved now is kept on disk as a draft, and the refusal goes on."""
        try:
            return self.save(draft, request=request)
        except PdcError:
            self.edit(draft, draft.findings)
            raise

    def _standing(self, review: Review, draft: Draft) -> Review | None:
        """What is stored, where it says the same by the same reader, and nobody has asked to look again since."""
        newest = self._newest(draft)
        if newest is None or _content(newest) != _content(review):
            return None
        if not draft.kind and self.store.sent_back_since(newest.image_sha256, newest.created_at):
            return None
        self.store.drop_draft(draft.author, draft.image.sha256, draft.question, draft.key, draft.seen)
        return newest

    def _newest(self, draft: Draft) -> Review | None:
        """The newest review that this reader may go on from."""
        return self.line_of(draft).newest()

    def line_of(self, draft: Draft) -> Line:
        """The revisions that this draft goes on from."""
        return self.line(draft.author, draft.image.sha256, draft.question, draft.key)

    def _append(self, review: Review, draft: Draft, key: str) -> Review:
        base, line = draft.base_revision, self.line_of(draft)
        while True:
            try:
                return line.append(review, key, base, draft.seen, draft.key)
            except StaleSave:
                current, newest = line.base(), line.newest()
                passes = self.apart or review.blind or (newest is not None and newest.verdict in UNSEEN)
                if not passes or self.conflict(draft) or not current or current == base:
                    raise
                base = current

    def skip(self, draft: Draft, request: str = "") -> tuple[Draft, Review]:
        """Say that this image is left out; what was marked is kept with it."""
        return self.save(draft, Verdict.SKIPPED, request)

    def conflict(self, draft: Draft) -> Conflict | None:
        """What stands in the way of saving this draft, or None when nothing does: what was accepted unseen does not."""
        theirs = self._newest(draft)
        if theirs is None or theirs.revision <= draft.base_revision or theirs.verdict in UNSEEN:
            return None
        started = self.line_of(draft).revision(draft.base_revision)
        if started is not None:
            return Conflict(started.findings, draft, theirs)
        shown = draft.prediction
        base = answer_to(shown, draft.question) if shown is not None and shown.id == theirs.prediction_id else None
        return Conflict(base or Findings(), draft, theirs)

    def resolve(self, draft: Draft, take: Take) -> Draft:
        """The draft over what was saved meanwhile: mine, theirs, or both merged. It is saved by `save`, as the next revision."""
        conflict = self.conflict(draft)
        if conflict is None:
            return draft
        theirs = conflict.theirs
        merged = merge(conflict.base, draft.findings, theirs.findings).findings
        findings = {Take.MINE: draft.findings, Take.THEIRS: theirs.findings, Take.MERGE: merged}[take]
        note = Message(OVER, n=theirs.revision, reader=theirs.author)
        over = replace(draft, findings=findings, base_revision=theirs.revision, rev=draft.rev + 1, note=note)
        if take is not Take.THEIRS:
            self.edit(over, findings)
        return over


def _content(review: Review) -> tuple[object, ...]:
    """What a review says, and who says it."""
    return review.author, review.verdict, review.findings, review.prediction_id


def _says_nothing(review: Review) -> bool:
    return review.verdict is Verdict.SKIPPED and review.findings == Findings()


def _said_when_opened(review: Review) -> Message:
    if review.verdict is Verdict.AUTO_ACCEPTED:
        return Message(AUTO_ACCEPTED, reader=review.author)
    return Message("Saved by {reader}, revision {n}.", reader=review.author, n=review.revision)


def _zoomed(draft: Draft, found: Findings) -> Draft:
    known = {m.id for m in draft.findings.marks}
    note = Message("Looked closer: {n} more found.", n=sum(m.counts and m.id not in known for m in found.marks))
    return replace(draft, findings=replace(draft.findings, marks=found.marks), note=note)


def said_when_saved(review: Review) -> Message:
    n, at = review.revision, f"{review.created_at.astimezone():%H:%M}"
    if review.verdict is Verdict.SKIPPED:
        return Message("Skipped, revision {n}, {time}.", n=n, time=at)
    return Message("Saved, revision {n}, {time}.", n=n, time=at)


def _clock(at: datetime) -> str:
    """The time of day here, with the date when it was not today."""
    here = at.astimezone()
    return f"{here:%H:%M}" if here.date() == datetime.now().astimezone().date() else f"{here:%Y-%m-%d %H:%M}"


def _now() -> datetime:
    return datetime.now(UTC)
