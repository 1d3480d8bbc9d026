"""The question bar as a Gradio component: what the image on the screen is asked, as chips, and the buttons beside it.

The bar shows the question of the editor's document (assets/question), so the two cannot disagree. The value, from the server:
{"tasks": [[name, words], ...], "known": [label, ...] (what a first visit asks, then what else the model knows),
"others": [label, ...] (the rest of the dictionary), "taught": [label, ...] | null (those the model knows; null: it does not say),
"pinned": [label, ...] | null, "blind": bool, "stamp": str, "answered": [task, [label, ...]] | null (the question that the reader
wanted and that this value comes after)}. From the browser also "task" and "labels": what the bar shows, or what the reader wants
instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

import gradio as gr

from pdc.domain.prompts import HUMAN_NAMES
from pdc.domain.values import Question
from pdc.review.drafts import Draft
from pdc.review.questions import Questions, check_bar, question_from
from pdc.web.ui.scripts import on_load

EVENTS = ("question", "pin", "ask", "looks", "save", "finish", "sign", "reopen")
TASKS = [[task.value, words] for task, words in HUMAN_NAMES.items()]
_TEMPLATE = '<div class="pdc-bar"></div>'


class QuestionBar(gr.HTML):
    """Events: `question` when the reader wants another question, `pin`, and the buttons `ask`, `looks`, `save`, `finish`, `sign`;
    `reopen` with a "reason" in the value."""

    def __init__(self, value: Mapping[str, Any] | None = None, **kw: Any) -> None:
        super().__init__(
            value=value, html_template=_TEMPLATE, js_on_load=on_load("mountQuestion", EVENTS), apply_default_css=False, **kw
        )

    def api_info(self) -> dict[str, Any]:
        return {"type": "object"}


def bar_value(questions: Questions, draft: Draft | None, answered: Any = None) -> dict[str, Any]:
    """What there is to ask, for the image on the screen."""
    first, taught = questions.first.labels, questions.labels.known()
    names = sorted({*questions.labels.dictionary().names, *(draft.question.labels if draft else ())}.difference(first))
    known = [*first, *(name for name in names if taught and name in taught)]
    pinned = draft.pinned if draft else None
    return {
        "tasks": TASKS,
        "known": known,
        "others": [name for name in names if name not in known],
        "taught": None if taught is None else sorted(taught),
        "pinned": list(pinned.labels) if pinned else None,
        "blind": questions.service.blind,
        "stamp": uuid4().hex,
        "answered": answered,
    }


def asked_in(bar: Any) -> Question:
    """The question that the page's bar shows; BadQuestion when it is none."""
    task, labels = said_in(bar)
    return question_from(task, labels)


def said_in(bar: Any) -> tuple[str, list[str]]:
    """The task and the labels that the page's bar names, whatever they are."""
    shown = bar if isinstance(bar, Mapping) else {}
    labels = shown.get("labels")
    return str(shown.get("task")), [str(label) for label in labels] if isinstance(labels, list) else []


def under_bar(handler: Callable[[Draft | None, Any, Any], Any]) -> Callable[[Any, Draft | None, Any, Any], Any]:
    """The handler for a page that sends what its bar asks, refused while the marks on the screen answer something else."""

    def checked(bar: Any, draft: Draft | None, value: Any, worklist: Any) -> Any:
        if draft is not None:
            check_bar(asked_in(bar), draft.question)
        return handler(draft, value, worklist)

    checked.__name__ = handler.__name__  # what the page calls it by
    return checked
