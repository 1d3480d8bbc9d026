"""Signatures: whoever saved a review signs it, which locks it; it is re-opened with a reason, which stays in the trail."""

from __future__ import annotations

from datetime import UTC, datetime

from pdc.domain.errors import BadSetting, NotFound, Signed
from pdc.domain.message import Message, joined
from pdc.domain.values import UNSEEN, Review, Verdict
from pdc.review.drafts import Draft
from pdc.review.service import ReviewService
from pdc.store.reading.records import Signature, SignatureKind

READ_SIGNED, CONSENSUS_SIGNED = "read and signed", "adjudicated and signed"
SAVE_FIRST = "Save this image first, then sign what you saved."
SKIPPED = "A skipped image says nothing that could be signed. Save what you see, then sign."
WHY = "Say why the review is re-opened; the reason stays in the trail."
NOT_SIGNED = "This review is not signed, so it need not be re-opened."
ALREADY = "{by} signed this revision already."


class Signing:
    """Signs and re-opens what a draft goes on from. Any thread."""

    def __init__(self, service: ReviewService) -> None:
        self.service = service

    def signature(self, draft: Draft) -> Signature | None:
        """The signature of what the draft goes on from, if it is signed now."""
        review = self._saved(draft)
        return self.service.store.signed(draft.image.sha256).get(review.id) if review else None

    def sign(self, draft: Draft) -> Signature:
        """Sign what this reader saved. BadSetting where that is not what is on the screen, or a skipped image."""
        review = self._saved(draft)
        if review is None or review.verdict in UNSEEN or review.author != draft.author or review.findings != draft.findings:
            raise BadSetting(SAVE_FIRST)
        if review.verdict is Verdict.SKIPPED:
            raise BadSetting(SKIPPED)
        if standing := self.signature(draft):
            raise Signed(ALREADY, by=standing.by)
        meaning = CONSENSUS_SIGNED if review.rests_on else READ_SIGNED
        return self._add(draft, review, SignatureKind.SIGNED, meaning=meaning)

    def reopen(self, draft: Draft, reason: str) -> Signature:
        """Let it be revised again. BadSetting without a reason, NotFound where it is not signed."""
        review, standing = self._saved(draft), self.signature(draft)
        if review is None or standing is None:
            raise NotFound(NOT_SIGNED)
        if not reason.strip():
            raise BadSetting(WHY)
        return self._add(draft, review, SignatureKind.REOPENED, reason=reason.strip())

    def trail(self, draft: Draft) -> list[Signature]:
        """Every signature and re-opening of what this reader may see of the image and question, oldest first."""
        seen = {r.id for r in self.service.line_of(draft).revisions()}
        return [s for s in self.service.store.signatures(draft.image.sha256) if s.review_id in seen]

    def _saved(self, draft: Draft) -> Review | None:
        return self.service.line_of(draft).newest()

    def _add(self, draft: Draft, review: Review, kind: SignatureKind, *, meaning: str = "", reason: str = "") -> Signature:
        sha, question, now = draft.image.sha256, draft.question, datetime.now(UTC)
        signature = Signature(review.id, sha, question, kind, review.revision, draft.author, now, meaning, reason)
        self.service.store.add_signature(signature)
        return signature


def words_of(signature: Signature) -> Message:
    """One line of the trail."""
    at = f"{signature.at.astimezone():%Y-%m-%d %H:%M}"
    n, by = signature.revision, signature.by
    if signature.kind is SignatureKind.SIGNED:
        return joined([Message("Revision {n} signed by {by}, {at}", n=n, by=by, at=at), Message(signature.meaning)], " · ")
    return joined([Message("Revision {n} re-opened by {by}, {at}", n=n, by=by, at=at), signature.reason], " · ")
