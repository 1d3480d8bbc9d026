"""The review tab: pick an image, ask, correct, save. Handlers are plain methods; a test can call each without a browser."""

from __future__ import annotations

import logging
from asyncio import sleep, to_thread
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import count
from typing import Any

import gradio as gr

from pdc.domain.errors import BadQuestion, NotFound, OpenElsewhere, PdcError, StaleSave, StillAnswering
from pdc.domain.merge import Take
from pdc.domain.message import Message, joined
from pdc.domain.values import Box, Image, Question
from pdc.inference.predictors.vote import MOST_LOOKS
from pdc.review.answering import DraftAnswer, OpenAnswers
from pdc.review.confidence_words import ConfidenceWords
from pdc.review.counting.desk import FieldDesk
from pdc.review.drafts import Draft, TakenWork
from pdc.review.examples import Example, examples, first_question
from pdc.review.listing.sending import Sending
from pdc.review.prefetch import Prefetcher
from pdc.review.questions import Questions, says_none
from pdc.review.reading.lines import CONSENSUS
from pdc.review.reading.signing import Signing, words_of
from pdc.review.service import ReviewService
from pdc.review.worklist import Worklist as Images
from pdc.review.worklist import without_hints
from pdc.web.ui.agreement.readers import with_readers
from pdc.web.ui.annotator import Annotator, notes_value, region_from
from pdc.web.ui.bar import QuestionBar, asked_in, bar_value, said_in, under_bar
from pdc.web.ui.conflict import conflict_view
from pdc.web.ui.counting.field import Fields, counted_in
from pdc.web.ui.reading.panel import ReadingPanel, reason_in, signed_value
from pdc.web.ui.screen import (
    AT_ONCE,
    IN_TURN,
    WELCOME,
    case_of,
    editor_value,
    edits_in,
    error_shown,
    findings_of,
    on_screen,
    request_in,
    show_errors,
    shows,
    status_line,
    unlike_known,
    user_of,
)
from pdc.web.ui.view import NodeView
from pdc.web.ui.words import LINE, word
from pdc.web.ui.worklist import Worklist, filter_from, worklist_again, worklist_value

log = logging.getLogger(__name__)
CHOICES = ((Take.MINE, "Take mine"), (Take.THEIRS, "Take theirs"), (Take.MERGE, "Merge both"))
CLOSED = (gr.update(visible=False), None)  # the panel of a conflict
TURN: dict[str, Any] = {"show_progress": "hidden", **IN_TURN}
BESIDE: dict[str, Any] = {"show_progress": "hidden", "concurrency_limit": AT_ONCE}
STREAMING: dict[str, Any] = {"show_progress": "hidden", "trigger_mode": "multiple", "concurrency_limit": None}
ANSWERING = Message("The model is answering; Esc stops it.")
LOOKING = "The model takes look {n} of {all}; Esc stops it."
LOADING = "The model is loading, once: {n} s so far. Esc stops it."
LOUD = "NOT SAVED: {error} What you marked is still on this screen; keep it open."


class ReviewTab:
    """Builds the tab and holds its handlers; knows the services, and nothing of models, SQL or files.

    `screen` lists the components that show one draft; handlers that open another return a value for each. `ready` says whether
    the model has been loaded; `fields` are those of count sessions.
    """

    def __init__(
        self,
        service: ReviewService,
        images: Images,
        prefetcher: Prefetcher,
        first: Callable[[], Question] = first_question,
        ready: Callable[[], bool] = lambda: True,
        fields: FieldDesk | None = None,
    ) -> None:
        self.ready, self.desk, self.fields = ready, fields, Fields(fields)
        self.service, self.images, self.prefetcher = service, images, prefetcher
        self.sending = Sending(images)
        self.examples: tuple[Example, ...] = tuple(examples())
        self.questions, self.taken = Questions(service, first), TakenWork()
        self.asking, self.sureness = OpenAnswers(service), ConfidenceWords(service.store)
        self.signing, self.panel_of_readers = Signing(service), ReadingPanel(service.reads, self.questions, images)
        self.screen: list[Any] = []

    def build(self, demo: gr.Blocks) -> None:
        """Add the components to the surrounding Blocks and wire them."""
        self.draft = gr.State(None)
        with gr.Row(equal_height=False, elem_classes="pdc-review"):
            with gr.Column(scale=0, min_width=236, elem_classes="pdc-left"):
                self.worklist = Worklist()
            with gr.Column(scale=6, min_width=480, elem_classes="pdc-middle"):
                self.bar = QuestionBar(bar_value(self.questions, None))
                with gr.Row(elem_classes="pdc-lines"):
                    self.status = gr.HTML("", elem_classes="pdc-status", html_template=LINE)
                    self.kept = gr.HTML("", elem_classes="pdc-autosave", html_template=LINE)
                self.editor = Annotator()
        with gr.Group(visible=False, elem_classes="pdc-conflict") as self.panel:
            self.conflict = NodeView()
            with gr.Row():
                self.choices = [(take, gr.Button(word(words))) for take, words in CHOICES]
        self._wire(demo)

    def _wire(self, demo: gr.Blocks) -> None:
        work = [self.draft, self.editor]
        shown = [self.editor, self.worklist, self.bar, self.status, self.kept, self.panel, self.conflict]
        self.screen = [self.draft, *shown]
        answer = [*work, self.status]
        loaded = demo.load(show_errors(self.start), None, [self.worklist, self.bar, self.status], **BESIDE)
        loaded.then(self.sureness.learn, **BESIDE)

        def opens(event: Any, handler: Any, inputs: list[Any]) -> None:
            self.then_ask(event(show_errors(handler), inputs, self.screen, **TURN))

        opens(self.worklist.choose, self.choose, [self.worklist, self.draft])
        moving = [*work, self.worklist]
        for event, handler in ((self.editor.next, self.next), (self.editor.previous, self.previous)):
            opens(event, handler, moving)
        saving = [self.bar, *moving]
        for event, handler in (
            (self.worklist.finish, self.finish),
            (self.bar.finish, self.finish),
            (self.worklist.skip, self.skip),
            (self.worklist.back, self.send_back),
        ):
            opens(event, under_bar(handler), saving)
        for event in (self.bar.save, self.editor.save):
            event(show_errors(under_bar(self.save)), saving, self.screen, **TURN)
        self.bar.sign(show_errors(under_bar(self.sign)), saving, self.screen, **TURN)
        self.bar.reopen(show_errors(self.reopen), [self.bar, self.draft], [self.worklist, self.status], **TURN)
        give = show_errors(self.give)
        self.worklist.give(give, [self.draft, self.worklist], [self.worklist, self.status], **TURN)
        for take, button in self.choices:
            button.click(show_errors(partial(self.resolve, take)), moving, self.screen, **TURN)
        asking, changed = [self.bar, *work], [*work, self.bar, self.status]
        self.bar.question(show_errors(self.change_question), asking, changed, trigger_mode="always_last", **TURN)
        self.bar.pin(show_errors(self.pin), self.draft, [self.draft, self.bar], **TURN)
        self.bar.ask(show_errors(self.ask_for), asking, changed, **STREAMING)
        self.bar.looks(show_errors(self.ask_looks), asking, changed, **STREAMING)
        now = {"queue": False, "show_progress": "hidden"}
        self.editor.closer(show_errors(self.closer), work, answer[1:], **STREAMING)
        self.editor.stop(self.asking.stop, self.draft, None, trigger_mode="multiple", **now)
        self.editor.edit(show_errors(self.edit), work, [self.kept, self.editor], trigger_mode="always_last", **now)

    def then_ask(self, opened: Any) -> None:
        """What follows once an image was opened: the model is asked about it, and the next ones are looked at ahead."""
        asked = opened.then(show_errors(self.ask_if_new), [self.draft, self.editor], [self.editor, self.status], **STREAMING)
        asked.then(show_errors(self.prefetch), [self.draft, self.worklist], self.worklist, **BESIDE)

    # Handlers ---------------------------------------------------------------------------------------------------

    def start(self) -> tuple[Any, Any, str]:
        return worklist_value(self.examples, None, self.service.blind), bar_value(self.questions, None), WELCOME

    def choose(self, worklist: Mapping[str, Any], draft: Draft | None, request: gr.Request) -> tuple[Any, ...]:
        """Open what was clicked, under its own question."""
        self.leave(draft)
        chosen = worklist.get("chosen") or {}
        if name := chosen.get("example"):
            example = next(e for e in self.examples if e.path.name == name)
            image = self.service.add_example(example.path.read_bytes(), example.path.name, user_of(request))
            self.questions.suits[image.sha256] = example.question
            chosen = {"sha256": image.sha256}
        if id := chosen.get("session") or counted_in(worklist):
            return self.read_field(str(id), draft, user_of(request), chosen.get("sha256"))
        return self._open(self.questions.open(str(chosen.get("sha256")), user_of(request), draft))

    async def ask_if_new(self, draft: Draft | None, value: Any) -> AsyncIterator[tuple[Any, str | dict[str, Any]]]:
        """Ask the model about an image nobody has worked on under this question; never in a blind read, nor in vain. What was
        answered ahead from fewer looks than the screen is to have is asked again."""
        done = draft is None or draft.blind or draft.base_revision or draft.seen or self._answered(draft)
        if done or draft is None or draft.kind == CONSENSUS or self.service.asked(draft.question) is None:
            yield gr.skip(), gr.skip()
        else:
            async for shown in self.ask(draft, value):
                yield shown

    def prefetch(self, draft: Draft | None, worklist: Any) -> Any:
        """Have the next images of this list answered while the reader works on this one."""
        self.sureness.learn()
        if draft is None:
            return gr.skip()
        self.prefetcher.follow(draft.author, self._following(draft, worklist))
        return worklist_again()

    def change_question(self, bar: Any, draft: Draft | None, value: Any) -> tuple[Any, ...]:
        """Another task or other labels for the image on the screen, without asking the model."""
        said = gr.skip()
        try:
            if draft is not None and shows(draft, value):
                return self._change(draft, value, asked_in(bar), said_in(bar))
        except BadQuestion as refused:
            said = refused.message
        return gr.skip(), gr.skip(), bar_value(self.questions, draft, said_in(bar)), said

    def pin(self, draft: Draft | None) -> tuple[Any, Any]:
        """Ask the next images the same, those with no question of their own; or no longer."""
        pinned = draft and self.questions.pin(draft)
        return pinned, bar_value(self.questions, pinned)

    async def ask_for(self, bar: Any, draft: Draft | None, value: Any) -> AsyncIterator[tuple[Any, ...]]:
        """Ask the model what the bar shows, about the image that was on the screen when it was told to."""
        async for shown in self._ask_for(bar, draft, value):
            yield shown

    async def ask_looks(self, bar: Any, draft: Draft | None, value: Any) -> AsyncIterator[tuple[Any, ...]]:
        """The same, voted from all looks."""
        async for shown in self._ask_for(bar, draft, value, MOST_LOOKS):
            yield shown

    async def ask(self, draft: Draft, value: Any, looks: int | None = None) -> AsyncIterator[tuple[Any, str]]:
        """The model's marks one by one, beside what the reader does; after a blind read, the model beside it."""
        async for shown in self._watch(draft, value, merge=True, looks=looks):
            yield shown

    async def closer(self, draft: Draft | None, value: Any) -> AsyncIterator[tuple[Any, str]]:
        """The model asked again about the region that was dragged; what it finds there is one step that can be undone."""
        if draft is not None and findings_of(draft, value) is not None:
            async for shown in self._watch(draft, value, merge="step", region=region_from(value)):
                yield shown

    def edit(self, draft: Draft | None, value: Any) -> tuple[Any, Any]:
        """Keep every edit on disk as the reader's draft, and say so; say it loudly when that failed."""
        try:
            findings = findings_of(draft, value)
            if draft is None or findings is None:
                return gr.skip(), gr.skip()
            with self.taken.keeping(draft, edits_in(value)) as kept:
                if kept is None:
                    return gr.skip(), gr.skip()
                self.service.edit(self.asking.now(kept), findings)
            stored = notes_value(value["case"], 0, acked=edits_in(value))
            return Message("Draft saved {time}", time=f"{datetime.now():%H:%M:%S}"), stored
        except PdcError as error:
            return Message(LOUD, error=error.message), gr.skip()
        except Exception:
            log.exception("A draft could not be kept")
            return Message(LOUD, error=Message("the draft could not be kept; the log says why.")), gr.skip()

    def save(self, draft: Draft | None, value: Any, worklist: Any) -> tuple[Any, ...]:
        """Append a review; when somebody else did meanwhile, show both instead."""
        return self._save(draft, value, self._stay)

    def finish(self, draft: Draft | None, value: Any, worklist: Any) -> tuple[Any, ...]:
        """Save, then the next image that needs work."""
        return self._save(draft, value, lambda saved: self._next(saved, worklist, saved.author))

    def sign(self, draft: Draft | None, value: Any, worklist: Any) -> tuple[Any, ...]:
        """Save what is on the screen, then sign it: nobody changes it until it is re-opened."""
        return self._save(draft, value, self._sign)

    def reopen(self, bar: Any, draft: Draft | None) -> tuple[Any, Any]:
        """Let a signed review be revised again, for a reason."""
        if draft is None:
            raise error_shown(WELCOME, Message("No image is open"))
        reopened = self.signing.reopen(draft, reason_in(bar))
        return self._rows(draft), words_of(reopened)

    def give(self, draft: Draft | None, worklist: Any, request: gr.Request) -> tuple[Any, Any]:
        """Give the images of the list to several readers, or withdraw one."""
        said = self.panel_of_readers.change(draft, worklist, request)
        return worklist_value(self.examples, draft and draft.image.sha256, self.service.blind), said

    def skip(self, draft: Draft | None, value: Any, worklist: Any) -> tuple[Any, ...]:
        """Leave this image out, with a word to say so, and go on."""
        edited = self._edited(draft, value)
        try:
            with self.taken.saving(edited, edits_in(value)) as done:
                done(self.service.skip(edited, request_in(value))[0])
        except StaleSave as refused:
            return self._conflict(edited, refused.message)
        return self._next(edited, worklist, edited.author)

    def send_back(self, draft: Draft | None, value: Any, worklist: Any) -> tuple[Any, ...]:
        """Ask for this image to be looked at again, keep what was marked as a draft, and go on."""
        edited = self._edited(draft, value)
        self.images.send_back(edited.image.sha256, edited.author, str((worklist or {}).get("note") or "")[:200])
        return self._next(edited, worklist, edited.author)

    def next(self, draft: Draft | None, value: Any, worklist: Any, request: gr.Request) -> tuple[Any, ...]:
        """The next image that needs work."""
        return self._next(draft, worklist, user_of(request))

    def previous(self, draft: Draft | None, value: Any, worklist: Any, request: gr.Request) -> tuple[Any, ...]:
        """The image before this one, reviewed or not."""
        before = draft.image.sha256 if draft else None
        if self.desk and (id := counted_in(worklist)):
            reader = user_of(request)
            return self.read_field(id, draft, reader, self.desk.beside(id, reader, before, -1).sha256)
        return self.go_to(self.images.previous(user_of(request), self._wanted(worklist), before).sha256, draft, user_of(request))

    def resolve(self, take: Take, draft: Draft | None, value: Any, worklist: Any) -> tuple[Any, ...]:
        """Mine, theirs or both, over what was saved meanwhile; the reader looks it over and saves."""
        over = self.service.resolve(self._edited(draft, value), take)
        return self._stay(over, self.value_of(over, value))

    async def _ask_for(
        self, bar: Any, draft: Draft | None, value: Any, looks: int | None = None
    ) -> AsyncIterator[tuple[Any, ...]]:
        if draft is None:
            raise error_shown(WELCOME, Message("No image is open"))
        first = await to_thread(self._change, draft, value, asked_in(bar), said_in(bar))
        yield first
        changed = first[0] if isinstance(first[0], Draft) else draft
        async for shown, said in self.ask(changed, value, looks):
            yield gr.skip(), shown, gr.skip(), said

    async def _watch(
        self, draft: Draft, value: Any, merge: bool | str, region: Box | None = None, looks: int | None = None
    ) -> AsyncIterator[tuple[Any, str]]:
        """The editor's value and the line under the question, as the answer comes. However many wait, none holds a thread."""
        now = replace(self.asking.now(draft), findings=findings_of(draft, value) or draft.findings)
        answer = await to_thread(self.asking.begin, now, region, looks)
        async for seconds in self._loading(answer):
            shown = gr.skip() if seconds else self.value_of(now, value, answering="loading", merge=merge)
            yield shown, Message(LOADING, n=seconds)
        async for step, answering in answer.changes():
            said = joined((unlike_known(step), answering_line(step))) if answering else status_line(step)
            yield self.value_of(step, value, answering=answering, merge=merge), said

    async def _loading(self, answer: DraftAnswer) -> AsyncIterator[int]:
        """The seconds that an answer has waited for the model to be loaded, each of them; ends when it is, or is stopped."""
        for quarters in count():
            if self.ready() or not answer.answering:
                return
            if quarters % 4 == 0:
                yield quarters // 4
            await sleep(0.25)

    # Steps that handlers share -----------------------------------------------------------------------------------

    def _answered(self, draft: Draft) -> bool:
        """Whether there is an answer from as many looks as the screen is to have, or marks of another question."""
        answer = draft.prediction
        return answer.looks >= self.service.looks if answer else bool(draft.findings.marks)

    def _change(self, draft: Draft, value: Any, question: Question, wanted: Any = None) -> tuple[Any, ...]:
        """The open image under another question: the marks on the screen stay, and the model is not asked."""
        if question == draft.question:
            return gr.skip(), gr.skip(), bar_value(self.questions, draft, wanted), gr.skip()
        self.leave(draft)
        now = self.asking.now(on_screen(draft, value))
        changed = self.questions.change(now, self.questions.named(question, now))
        shown = self.value_of(changed, value, turned=case_of(draft))
        return changed, shown, bar_value(self.questions, changed, wanted), status_line(changed)

    def _edited(self, draft: Draft | None, value: Any) -> Draft:
        """The draft as it is on the screen, kept on disk, unless it says nothing."""
        seen = self.asking.now(on_screen(draft, value))
        nothing = seen.carried and says_none(seen.findings, seen.question)
        return seen if nothing else self.service.edit(seen, seen.findings)

    def _save(self, draft: Draft | None, value: Any, then: Callable[[Draft], tuple[Any, ...]]) -> tuple[Any, ...]:
        """Save, unless half an answer, or a none that may not be meant, would be saved as if it were the reader's word."""
        if draft is not None and self.asking.answering(draft):
            raise StillAnswering("The model is still answering: wait for it, or stop it with Esc, then save.")
        seen = self.asking.now(on_screen(draft, value))
        with self.service.store.moment():
            if doubted := self.questions.doubted(seen, self.fields.holds(seen)):
                return self._stay(doubted)
            try:
                with self.taken.saving(seen, edits_in(value)) as done:
                    saved, _ = self.service.save_or_keep(seen, request_in(value))
                    done(saved)
            except StaleSave as refused:
                return self._conflict(seen, refused.message)
            return then(saved)

    def _sign(self, saved: Draft) -> tuple[Any, ...]:
        return self._stay(replace(saved, note=words_of(self.signing.sign(saved))))

    def leave(self, draft: Draft | None) -> None:
        """The reader goes on to something else: nothing more of an answer that is being made is shown."""
        if draft is not None:
            self.asking.leave(draft)

    def value_of(self, draft: Draft, shown: Any = None, **more: Any) -> dict[str, Any]:
        """The draft for the editor, with what its scores are worth, or the readers' marks where it is their consensus."""
        known = None if draft.blind else draft.prediction
        words = self.sureness.words(draft.question, known.adapter, known.looks) if known else None
        value = with_readers(editor_value(draft, shown, words=words, **more), draft, self.service.reads)
        return value if more.get("merge") else value | {"counting": self.fields.shown(draft)}

    def _wanted(self, worklist: Any) -> Any:
        return without_hints(filter_from((worklist or {}).get("wanted")), self.service.blind)

    def _next(self, draft: Draft | None, worklist: Any, reader: str) -> tuple[Any, ...]:
        after = draft.image.sha256 if draft else None
        if self.desk and (id := counted_in(worklist)):
            return self._next_field(id, draft, reader)
        try:
            image = self.sending.next(reader, self._wanted(worklist), after)
        except OpenElsewhere as refused:
            if draft is None:
                raise
            return self._stay(replace(draft, note=joined([draft.note, refused.message])))
        return self.go_to(image.sha256, draft, reader)

    def _next_field(self, id: str, draft: Draft | None, reader: str) -> tuple[Any, ...]:
        """The field behind this one; where none is left to read, this one stays."""
        place = self.desk and self.desk.next(id, reader, draft and draft.image.sha256)
        if self.desk and place is None and draft is not None:
            return self._stay(replace(draft, note=joined([draft.note, self.desk.end(id)])))
        return self.read_field(id, draft, reader, place and place.sha256)

    def _following(self, draft: Draft, worklist: Any) -> Iterator[tuple[Image, Question]]:
        """What the reader comes to next in this list, with its questions."""
        if self.desk and (id := counted_in(worklist)):
            yield from self.desk.following(id, draft.author, draft.image.sha256)
            return
        for image in self.sending.following(draft.author, self._wanted(worklist), draft.image.sha256):
            yield image, self.questions.of(image.sha256, draft.author, draft.pinned)

    def read_field(self, id: str, draft: Draft | None, reader: str, sha256: str | None = None) -> tuple[Any, ...]:
        """A field of a count session, else the next to read, under the session's question; a value for each of `screen`."""
        if self.desk is None:
            raise NotFound("There is no count {id}.", id=id[:12])
        place, question = self.desk.opened(id, reader, sha256)
        self.leave(draft)
        return self._open(self.questions.open(place, reader, draft, question), entered=True)

    def go_to(self, sha256: str, draft: Draft | None, reader: str) -> tuple[Any, ...]:
        """An image under its own question, in place of the draft; a value for each of `screen`."""
        self.leave(draft)
        return self._open(self.questions.open(sha256, reader, draft))

    def _open(self, draft: Draft, entered: bool = False) -> tuple[Any, ...]:
        return (
            draft,
            self.value_of(draft),
            self._rows(draft, entered),
            bar_value(self.questions, draft),
            status_line(draft),
            "",
            *CLOSED,
        )

    def _stay(self, draft: Draft, editor: Any = None) -> tuple[Any, ...]:
        return (draft, editor or gr.skip(), self._rows(draft), gr.skip(), status_line(draft), "", *CLOSED)

    def _conflict(self, draft: Draft, refused: Message) -> tuple[Any, ...]:
        conflict = self.service.conflict(draft)
        if conflict is None:
            return self._stay(draft)
        view = conflict_view(conflict)
        skip = gr.skip()
        return draft, skip, self._rows(draft), skip, refused, "", gr.update(visible=True), view

    def _rows(self, draft: Draft, entered: bool = False) -> dict[str, Any]:
        signed, counting = signed_value(self.signing, draft), self.fields.listed(draft)
        value = worklist_value(self.examples, draft.image.sha256, self.service.blind, signed)
        return value | {"counting": counting, "entered": entered}


def answering_line(draft: Draft) -> Message:
    """That the model is still answering, and which of several looks it takes."""
    n, of = draft.look
    return Message(LOOKING, n=n, all=of) if of > 1 else ANSWERING
