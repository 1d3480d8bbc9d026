"""The review service: open an image, edit, save, skip. A frozen Draft goes in and a frozen Draft comes out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import uuid4

from pdc.corrections import CorrectionKind, diff
from pdc.domain import Findings, Image, Prediction, Question, Review, Status, Verdict
from pdc.errors import NotFound
from pdc.images import ImageFiles, accept
from pdc.predictors.base import Predictor
from pdc.store.store import Store


@dataclass(frozen=True, slots=True)
class Draft:
    """One reader's work on one question about one image; the only state a session has.

    `base_revision` is the stored revision it started from (0: none); `key` makes its save idempotent; `rev` counts the
    times the server replaced the findings, so that an editor can tell a new answer from an old one.
    """

    image: Image
    question: Question
    author: str
    findings: Findings
    prediction: Prediction | None
    base_revision: int
    key: str
    rev: int = 0
    note: str = ""


class ReviewService:
    """Every method may be called from any thread; each raises PdcError with a sentence when it cannot be done."""

    def __init__(self, store: Store, files: ImageFiles, predictor: Predictor, max_megapixels: int = 50) -> None:
        self.store, self.files, self.predictor = store, files, predictor
        self.max_megapixels = max_megapixels

    def add_image(self, data: bytes, name: str, group: str | None = None) -> tuple[Image, tuple[str, ...]]:
        """Accept and store an uploaded file; returns the image and notes on what was changed to make it safe."""
        accepted = accept(data, name, max_megapixels=self.max_megapixels)
        self.files.put(accepted)
        image = Image(accepted.sha256, accepted.name, accepted.width, accepted.height, group or accepted.sha256, _now())
        return self.store.add_image(image), accepted.notes

    def open(self, sha256: str, question: Question, author: str) -> Draft:
        """The author's own draft if there is one, else the current review, else an empty start. Asks no model."""
        image = self.store.image(sha256)
        mine = self.store.draft(author, sha256, question)
        review = self.store.current_review(sha256, question)
        revision = review.revision if review else 0
        if mine is not None and not (review and review.findings == mine.findings):
            prediction = self.store.prediction(mine.prediction_id) if mine.prediction_id else None
            return Draft(image, question, author, mine.findings, prediction, mine.base_revision, uuid4().hex,
                         note="Your unsaved work is back.")
        if review is not None:
            prediction = self.store.prediction(review.prediction_id) if review.prediction_id else None
            note = f"Saved by {review.author}, revision {review.revision}."
            return Draft(image, question, author, review.findings, prediction, revision, uuid4().hex, note=note)
        return Draft(image, question, author, Findings(), None, revision, uuid4().hex)

    def predict(self, draft: Draft) -> Draft:
        """Ask the model, store the answer, and start the draft from it. A saved review is never touched by this."""
        prediction = self.ask(draft.image, draft.question)
        if prediction.findings is None:
            note = "The model's answer could not be read; this does not mean that nothing is there. Mark by hand or ask again."
            return replace(draft, prediction=prediction, rev=draft.rev + 1, note=note)
        return replace(draft, prediction=prediction, findings=prediction.findings, rev=draft.rev + 1, note="")

    def ask(self, image: Image, question: Question) -> Prediction:
        """One stored prediction for one image."""
        answer = self.predictor.predict(self.files.open(image.sha256), question)
        prediction = Prediction(
            uuid4().hex, image.sha256, question, answer.findings, answer.raw, answer.model, answer.adapter,
            answer.prompt_version, answer.seconds, _now(),
        )
        self.store.add_prediction(prediction)
        return prediction

    def edit(self, draft: Draft, findings: Findings) -> Draft:
        """Keep the reader's work on disk under their name; nothing is published by it.

        What is already saved is not kept as a draft again: an autosave may arrive after the save that it preceded.
        """
        edited = replace(draft, findings=findings)
        review = self.store.current_review(draft.image.sha256, draft.question)
        if review is not None and review.findings == findings:
            return edited
        self.store.put_draft(
            draft.author, draft.image.sha256, draft.question, findings, draft.base_revision,
            draft.prediction.id if draft.prediction else None,
        )
        return edited

    def save(self, draft: Draft, verdict: Verdict | None = None) -> tuple[Draft, Review]:
        """Append a review. Raises StaleSave, and keeps the draft, when somebody else saved in between."""
        review = Review(
            uuid4().hex, draft.image.sha256, draft.question, draft.prediction.id if draft.prediction else None,
            verdict or verdict_of(draft), draft.findings, draft.author, draft.base_revision + 1, _now(),
        )
        stored = self.store.save_review(review, key=draft.key, base_revision=draft.base_revision)
        saved = replace(draft, base_revision=stored.revision, key=uuid4().hex, note=said_when_saved(stored))
        return saved, stored

    def reviewed_with(self, sha256: str) -> Question | None:
        """The question of the newest review of an image, to reopen it as it was left."""
        reviews = self.store.reviews(sha256)
        return reviews[-1].question if reviews else None

    def previous_image(self, before: str | None) -> Image:
        """The image that was added before `before`, round the start."""
        images = self.store.images()
        if not images:
            raise NotFound("There are no images yet; upload one or open an example.")
        names = [i.sha256 for i in images]
        return images[names.index(before) - 1 if before in names else -1]

    def next_image(self, after: str | None) -> Image:
        """The first image after `after` without any review, else the one that follows it, round the end."""
        images = self.store.images()
        if not images:
            raise NotFound("There are no images yet; upload one or open an example.")
        names = [i.sha256 for i in images]
        start = names.index(after) + 1 if after in names else 0
        ring = images[start:] + images[:start]
        done = self.store.reviewed_images()
        return next((i for i in ring if i.sha256 not in done and i.sha256 != after), ring[0])


def verdict_of(draft: Draft) -> Verdict:
    """Accepted when the reader changed nothing the model found, rejected when nothing of it was kept, else corrected."""
    before = draft.prediction.findings if draft.prediction else None
    if before is None:
        return Verdict.CORRECTED
    if not draft.question.task.has_marks:
        return Verdict.ACCEPTED if dict(before.stated) == dict(draft.findings.stated) else Verdict.CORRECTED
    changes = [c.kind for c in diff(before, draft.findings)]
    if all(kind is CorrectionKind.KEPT for kind in changes):
        return Verdict.ACCEPTED
    kept = any(m.status is not Status.REJECTED for m in draft.findings.marks)
    return Verdict.CORRECTED if kept or not before.marks else Verdict.REJECTED


def said_when_saved(review: Review) -> str:
    return f"Saved, revision {review.revision}, {review.created_at.astimezone():%H:%M}."


def _now() -> datetime:
    return datetime.now(UTC)
