"""A draft as the page shows it: the editor's value, one line of words, and the reader's question."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import wraps
from inspect import isasyncgenfunction, iscoroutinefunction
from typing import Any

import gradio as gr

from pdc.domain.carrying import answer_to, unasked
from pdc.domain.certainty.counts import worth, worth_of_all
from pdc.domain.doubt import believable, unlike, unlike_note
from pdc.domain.errors import BadQuestion, PdcError, StoreUnavailable
from pdc.domain.message import Message, joined
from pdc.domain.prompts import none_found, shown_smaller
from pdc.domain.values import Findings, Prediction, Question
from pdc.inference.predictors.vote import NO_VOTE
from pdc.review.answering import STOPPED, UNTAUGHT
from pdc.review.confidence_words import WordThresholds
from pdc.review.drafts import Draft, kept_aside
from pdc.review.reading.lines import CONSENSUS
from pdc.web.ui.annotator import BadDraft, findings_from, to_value
from pdc.web.ui.words import translated
from pdc.web.ui.worklist import image_url

log = logging.getLogger(__name__)
WELCOME = Message("Open an example, or upload an image of your own.")
FAILED = Message("That did not work")
CUT = "The answer was cut off after {n} marks; what comes after is not known."
CUT_ONE = Message("The answer was cut off after one mark; what comes after is not known.")
CUT_COUNT = Message("The answer was cut off; what comes after is not known, so the count may be too low.")
PART_UNREADABLE = Message(
    "A part of the answer could not be read, so what is not marked may be there all the same; ask about each label alone."
)
AT_ONCE = 16  # handlers of one kind that run beside each other, of all pages
IN_TURN: dict[str, Any] = {"concurrency_id": "work", "concurrency_limit": None}
"""for events that change what a page works on: one queue, so that they begin as they came; `Sessions` gives a page its turns"""
MAX_REQUEST = 200  # characters of the name of a save
CHANGING = "The screen was just changing: look at the marks, then save again."


def show_errors(handler: Callable[..., Any]) -> Callable[..., Any]:
    """The handler in its reader's language. A PdcError becomes a message; the reader's work stays as it is.

    Also for handlers that wait or yield.
    """

    @wraps(handler)
    def spoken(*args: Any) -> Any:
        with _spoken():
            return translated(handler(*args))

    @wraps(handler)
    async def waiting(*args: Any) -> Any:
        with _spoken():
            return translated(await handler(*args))

    @wraps(handler)
    async def yielding(*args: Any) -> Any:
        with _spoken():
            async for value in handler(*args):
                yield translated(value)

    if isasyncgenfunction(handler):
        return yielding
    return waiting if iscoroutinefunction(handler) else spoken


@contextmanager
def _spoken() -> Iterator[None]:
    try:
        yield
    except PdcError as error:
        if isinstance(error, StoreUnavailable):
            log.warning("%s", error)  # with the place that readers are not told
        raise error_shown(error.message) from error


def error_shown(message: Message, title: Message = FAILED, language: str | None = None) -> gr.Error:
    """The message in a corner of the page, in its reader's language."""
    said, above = translated((message, title), language)
    return gr.Error(said, duration=12, print_exception=False, title=above)


def case_of(draft: Draft) -> str:
    """Identifies the document on the editor's screen: an image and a question."""
    return json.dumps([draft.image.sha256, draft.question.task, *draft.question.labels])


def editor_value(
    draft: Draft, shown: Any = None, *, words: Mapping[str, WordThresholds] | None = None, **more: Any
) -> dict[str, Any]:
    """The draft for the editor, which shows `shown` now; edits made meanwhile win over this. `more` goes to `to_value`."""
    same = isinstance(shown, Mapping) and shown.get("case") in (case_of(draft), more.get("turned"))
    predicted = answer_to(draft.prediction, draft.question) if draft.prediction else None
    return to_value(
        case_of(draft),
        draft.question,
        draft.findings,
        draft.image,
        image_url(draft.image.sha256),
        rev=draft.rev,
        edits=int(shown.get("edits", 0)) if same else 0,
        model_stated=predicted.stated if predicted else None,
        found=[m.id for m in predicted.marks if m.counts] if predicted else (),
        reader=draft.author,
        calibration={label: asdict(of) for label, of in (words or {}).items()},
        worth=count_worth(draft) if predicted else None,
        **more,
    )


def count_worth(draft: Draft) -> dict[str, Any] | None:
    """What the model's counts are worth: of the labels together, and of each of which it is known."""
    answer, question = draft.prediction, draft.question
    found = answer and answer_to(answer, question)
    if answer is None or found is None or answer.cut:
        return None
    said, asked = found.counts(question.task), [n for n in question.labels if n not in unasked(answer, question)]
    chances = believable(answer.counts, answer.likeness)
    each = {label: worth(chances[label], said.get(label, 0)) for label in asked if label in chances}
    return {"all": worth_of_all(chances, said, asked), "labels": each} if each else None


def shows(draft: Draft | None, value: Any) -> bool:
    """Whether the editor's value is of this draft's image and question."""
    return draft is not None and isinstance(value, Mapping) and value.get("case") == case_of(draft)


def findings_of(draft: Draft | None, value: Any) -> Findings | None:
    """The marks on the screen, or None when the screen shows something else than this draft."""
    if draft is None or not shows(draft, value):
        return None
    return findings_from(value, wh=(draft.image.width, draft.image.height), labels=draft.question.labels)


def user_of(request: gr.Request | None) -> str:
    return getattr(request, "username", None) or "reader"


def on_screen(draft: Draft | None, value: Any) -> Draft:
    """The draft with the marks on the screen; an error says why there is nothing to save."""
    if draft is None:
        raise error_shown(WELCOME, Message("Nothing to save"))
    findings = findings_of(draft, value)
    if findings is None:
        raise BadQuestion(CHANGING)
    return replace(draft, findings=findings)


def edits_in(value: Any) -> int:
    """How many edits the editor had made when it sent this value; 0 where it does not say."""
    edits = value.get("edits") if isinstance(value, Mapping) else None
    return edits if isinstance(edits, int) else 0


def request_in(value: Any) -> str:
    """What the sender of a save calls it, so that it can be sent again and is stored once; empty where it has no name."""
    named = value.get("request") if isinstance(value, Mapping) else None
    if named is None:
        return ""
    if not isinstance(named, str) or not 1 <= len(named) <= MAX_REQUEST:
        raise BadDraft("The name of a save has 1 to {n} characters; send another, or none.", n=MAX_REQUEST)
    return named


def status_line(draft: Draft | None) -> Message:
    """One line: what was saved, who answered, and how long it took."""
    if draft is None:
        return WELCOME
    parts = [draft.note, kept_aside(draft), _seen_badly(draft), unlike_known(draft)]
    if answer := draft.prediction:
        short = [shown_smaller(answer.max_pixels)] if answer.short_of_memory else []
        found = _what_it_found(answer, draft.question)
        parts += [*found, *short, _who_answered(answer), *_voted(answer), _not_asked(answer, draft)]
        parts.append((answer.view and answer.view.words) or "")
    elif (
        draft.kind != CONSENSUS
        and not draft.base_revision
        and not draft.blind
        and draft.note != STOPPED
        and not _says(draft.note, UNTAUGHT)
    ):
        parts.append(Message("The model has not been asked yet."))
    return joined(parts)


def _seen_badly(draft: Draft) -> str:
    """That hardly anything can be seen in the image, which stands before any word that nothing was found."""
    view = (draft.prediction and draft.prediction.view) or draft.image.view
    return (view and view.warning) or ""


def unlike_known(draft: Draft) -> Message:
    """That the image does not look like those that the model was trained on; empty where it does, or where that is not known."""
    told = draft.prediction.likeness if draft.prediction else draft.likeness
    asked = {label: told[label] for label in draft.question.labels if label in told}
    found = (draft.prediction and draft.prediction.findings) or draft.findings
    return unlike_note(unlike(asked, [m.label for m in found.marks]))


def _says(note: Message, text: str) -> bool:
    """Whether the note is this sentence, or has it as a part."""
    return text in (note.text, *(part.text for part in note.fields.values() if isinstance(part, Message)))


def _what_it_found(answer: Prediction, question: Question) -> list[Message]:
    """That nothing was found of what was asked, or that the answer was cut; nothing where the marks speak for themselves."""
    findings = answer_to(answer, question)
    if findings is None:
        return []
    if answer.cut:
        n = len(findings.marks)
        return [Message(CUT, n=n) if n > 1 else CUT_ONE if n else CUT_COUNT]
    if not findings.complete:
        return [PART_UNREADABLE]
    silent = unasked(answer, question)
    asked = [label for label in question.labels if label not in silent]
    if not asked or findings.count(question.task):
        return []
    none = worth_of_all(believable(answer.counts, answer.likeness), {}, asked)
    return [none_found(asked), none.sentence] if none else [none_found(asked)]


def _not_asked(answer: Prediction, draft: Draft) -> str:
    """The labels it has not been asked for, unless the note has said so."""
    labels = "" if _says(draft.note, UNTAUGHT) else ", ".join(unasked(answer, draft.question))
    return Message("It has not been asked for {labels}.", labels=labels) if labels else ""


def _who_answered(answer: Prediction) -> Message:
    model, took = with_experts(answer), f"{answer.seconds:.1f}"
    if answer.adapter is None:
        return Message("Answered by {model}, no adapter, in {seconds} s.", model=model, seconds=took)
    return Message("Answered by {model}, adapter {adapter}, in {seconds} s.", model=model, adapter=answer.adapter, seconds=took)


def _voted(answer: Prediction) -> list[Message]:
    """From how many looks, where there were several, and how many of them had no vote."""
    if answer.looks < 2:
        return []
    lost = [Message(NO_VOTE, n=answer.lost_looks, all=answer.looks)] if answer.lost_looks else []
    return [Message("Voted from {n} looks.", n=answer.looks), *lost]


def with_experts(answer: Prediction) -> str:
    """The model's name, and those of the experts that answered for some of the labels."""
    if not answer.experts:
        return answer.model
    return Message("{model} with expert {experts}", model=answer.model, experts=", ".join(answer.experts))
