"""Everything that was ever said about an image and question: reviews, the model's answers, and what lies between two of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from pdc.adapters.routing import AdapterRouting
from pdc.domain.carrying import answer_to
from pdc.domain.errors import NotFound, ReadFirst
from pdc.domain.message import Message, joined
from pdc.domain.values import Adapter, Findings, Prediction, Question, Review
from pdc.inference.adapter_ref import AdapterRef
from pdc.review.answering import Part
from pdc.review.drafts import Draft
from pdc.review.reading.lines import READ
from pdc.review.reading.signing import Signing, words_of
from pdc.review.requests import Watch
from pdc.review.service import KEPT_FROM_YOU, READ_FIRST, ReviewService
from pdc.store.reading.records import Read, ReaderChange, ReaderEvent


@dataclass(frozen=True, slots=True)
class Version:
    """A review or an answer. `id` is unique among both; `findings` is None for an answer that could not be read."""

    id: str
    title: Message
    findings: Findings | None
    at: datetime
    review: Review | None = None
    prediction: Prediction | None = None


class History:
    """Every method raises ReadFirst where reads are blind and this reader has not saved one."""

    def __init__(
        self,
        service: ReviewService,
        serving: AdapterRouting,
        adapters: Callable[[], list[Adapter]],
        outdated: Callable[[], list[Adapter]] = list,
    ) -> None:
        self.service, self.serving, self.adapters, self.outdated = service, serving, adapters, outdated

    def versions(self, draft: Draft) -> list[Version]:
        """Oldest first: of each model with its adapter, experts and looks the newest answer, and every review."""
        own = draft.kind.startswith(READ)
        if not own:
            self._check(draft)
        sha, question = draft.image.sha256, draft.question
        reviews = self.service.line_of(draft).revisions()
        if own and self._hides(draft):
            return list(map(_of_review, reviews))
        corrected = {draft.prediction.id if draft.prediction else None, *(r.prediction_id for r in reviews)}
        asked = (question, self.service.asked(question))
        newest = {
            (p.model, p.version, p.adapter, p.experts, p.looks, p.question): p
            for p in self.service.store.predictions(sha)
            if p.question in asked or p.id in corrected
        }
        answers = [_of_prediction(p, question, self._is_earlier(p)) for p in newest.values()]
        reads = map(_of_read, self._reads(draft))
        return sorted([*answers, *map(_of_review, reviews), *reads], key=lambda v: v.at)

    def trail(self, draft: Draft) -> list[Message]:
        """Who signed or re-opened what, and who was asked to read it; oldest first, each to those who may see it."""
        said = [(s.at, words_of(s)) for s in Signing(self.service).trail(draft)]
        events = self.service.reads.trail(draft.image.sha256, draft.author)
        said += [(e.at, _of_event(e)) for e in events if e.question == draft.question]
        return [words for _, words in sorted(said, key=lambda line: line[0])]

    def _reads(self, draft: Draft) -> list[Read]:
        """The reads of others that this reader may see, once all have finished."""
        sha, question = draft.image.sha256, draft.question
        visible = self.service.reads.visible_reads(draft.author, sha)
        return [r for r in visible if r.review.question == question]

    def _is_earlier(self, answer: Prediction) -> bool:
        """Whether other weights of the model gave it than those that answer now."""
        versions = self.service.versions
        return bool(versions) and answer.model == self.serving.base and answer.version not in versions

    def unasked(self, draft: Draft) -> list[str | None]:
        """Adapters of this model (None: the base alone) that have not answered this and would not leave it to the base."""
        if draft.kind and self._hides(draft):
            return []
        answers = [v.prediction for v in self.versions(draft) if v.prediction]
        of_this = [p for p in answers if p.model == self.serving.base and not self._is_earlier(p)]
        answered = {p.adapter for p in of_this if p.question == draft.question}
        own = [AdapterRef(a.name, a.path) for a in self.adapters() if a.base == self.serving.base]
        known = [None, *(w.name for w in own if w.about(draft.question) == w)]
        return [name for name in known if name not in answered]

    def ask(self, draft: Draft, adapter: str | None) -> Watch[Part]:
        """Have this adapter (None: the base alone) answer too; its answer is stored. NotFound when there is no such adapter."""
        self._check(draft)
        paths: dict[str | None, str | None] = {None: None, **{a.name: a.path for a in self.adapters()}}
        if adapter not in paths:
            raise NotFound("There is no adapter {name}; choose another.", name=repr(adapter))
        with self.serving.instead(AdapterRef(adapter, paths[adapter])):
            return self.service.request(draft.image, draft.question)

    def reopen(self, draft: Draft, version: Version) -> Draft:
        """The version as a new draft over the current revision; saved, it becomes the next."""
        if version.prediction:
            self._check(draft)
        if version.findings is None:
            raise NotFound("This answer could not be read; there is nothing to reopen.")
        fresh = self.service.open(draft.image.sha256, draft.question, draft.author)
        again = replace(
            fresh,
            findings=version.findings,
            prediction=version.prediction or self._prediction(version),
            base_revision=self.service.line_of(fresh).base(),
            rev=draft.rev + 1,
            pinned=draft.pinned,
            note=Message("Reopened; nothing is replaced until you save. · {version} · ", version=version.title),
        )
        self.service.edit(again, again.findings)
        return again

    def _prediction(self, version: Version) -> Prediction | None:
        id = version.review.prediction_id if version.review else None
        return self.service.store.prediction(id) if id else None

    def _check(self, draft: Draft) -> None:
        if self._hides(draft):
            raise ReadFirst(KEPT_FROM_YOU if draft.kind else READ_FIRST)

    def _hides(self, draft: Draft) -> bool:
        return self.service.hides(draft.image.sha256, draft.question, draft.author)


def _of_event(event: ReaderEvent) -> Message:
    reader, by, at = event.reader, event.by, _clock(event.at)
    if event.kind is ReaderChange.WITHDRAWN:
        return joined([Message("{reader} withdrawn by {by}, {at}", reader=reader, by=by, at=at), event.note], " · ")
    turn = [Message("given again, time {n}", n=event.turn)] if event.turn > 1 else []
    return joined([Message("{reader} asked to read it by {by}, {at}", reader=reader, by=by, at=at), *turn], " · ")


def _of_read(read: Read) -> Version:
    turn = [Message("given again, time {n}", n=read.turn)] if read.turn > 1 else []
    return _of_review(read.review, joined([Message("Read, revision {n}", n=read.review.revision), *turn], " · "))


def _of_review(review: Review, named: Message | None = None) -> Version:
    blind = [Message("blind")] if review.blind else []
    revision = named or Message("Consensus, revision {n}" if review.rests_on else "Revision {n}", n=review.revision)
    more = [] if review.complete else [Message("not complete")]
    title = [revision, Message(review.verdict), *blind, *more, review.author, _clock(review.created_at)]
    return Version(review.id, joined(title, " · "), review.findings, review.created_at, review=review)


def _of_prediction(answer: Prediction, question: Question, is_earlier: bool) -> Version:
    adapter = Message("adapter {name}", name=answer.adapter) if answer.adapter else Message("no adapter")
    experts = [Message("expert {name}", name=name) for name in answer.experts]
    earlier = [Message("earlier weights")] if is_earlier else []
    looks = [Message("{n} looks", n=answer.looks)] if answer.looks > 1 else []
    title = [Message("Model"), answer.model, *earlier, adapter, *experts, *looks, _clock(answer.created_at)]
    return Version(answer.id, joined(title, " · "), answer_to(answer, question), answer.created_at, prediction=answer)


def _clock(at: datetime) -> str:
    return f"{at.astimezone():%Y-%m-%d %H:%M}"
