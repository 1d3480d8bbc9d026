"""The bar above the editor: what is asked, and the buttons beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from pdc.domain.prompts import HUMAN_NAMES
from pdc.domain.values import Question
from pdc.review.drafts import Draft
from pdc.review.questions import check_bar, question_from
from pdc.web.ui.words import word

TASKS = [(word(HUMAN_NAMES[task]), task.value) for task in HUMAN_NAMES]


class Bar:
    """Components inside the surrounding Blocks: `task` and `labels` are the question, `ask`, `save` and `finish` buttons."""

    def __init__(self, first: Question, known: Sequence[str], *, blind: bool) -> None:
        choices = sorted({*known, *first.labels})
        with gr.Row(elem_classes="pdc-question"):
            self.task = gr.Dropdown(TASKS, value=first.task.value, label=word("Task"), scale=1, min_width=184)
            self.labels = gr.Dropdown(
                choices,
                value=list(first.labels),
                label=word("Look for"),
                multiselect=True,
                allow_custom_value=True,
                scale=8,
                min_width=200,
            )
            self.ask = gr.Button(word("Show the model" if blind else "Ask the model"), scale=0, min_width=120)
            self.save = gr.Button(word("Save"), scale=0, min_width=70)
            self.finish = gr.Button(word("Save and next"), variant="primary", scale=0, min_width=120)


def under_bar(handler: Callable[[Draft | None, Any, Any], Any]) -> Callable[[str, list[str], Draft | None, Any, Any], Any]:
    """The handler for a page that sends what its bar asks, refused while the marks on the screen answer something else."""

    def checked(task: str, labels: list[str], draft: Draft | None, value: Any, worklist: Any) -> Any:
        if draft is not None:
            check_bar(question_from(task, labels), draft.question)
        return handler(draft, value, worklist)

    checked.__name__ = handler.__name__  # what the page calls it by
    return checked
