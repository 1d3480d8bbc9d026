"""Wordings: the same question put in other words, for training on several and for measuring on others.

A template's `{task}` is the usual verb ("Count and box every"), `{do}` the same within a sentence, `{labels}` are the labels, and
`{form}` is the sentence that asks for JSON. The first template is the wording that serves.
"""

from __future__ import annotations

from pdc.domain.prompts import COMPACT, words
from pdc.domain.values import Question

TAUGHT = (
    "{task} {labels}. {form}",
    "Please {do} {labels} in this image. {form}",
    "{form} {task} {labels}.",
    "This is an image from the microscope. {task} {labels} you find. {form}",
    "{task} {labels}, and leave none out, however small or faint. {form}",
    "I am a physician and need your help with this picture. {task} {labels} that it shows. {form}",
    "Look at the whole picture with care before you answer. Then {do} {labels}. {form}",
    "Which {labels} do you see? {task} one of them. {form}",
)


def put(template: str, question: Question, style: str = COMPACT) -> str:
    """The question in the template's words."""
    usual, labels = words(question, style), ", ".join(question.labels)
    task, form = usual.split(f" {labels}. ", 1)
    return template.format(task=task, do=task[0].lower() + task[1:], labels=labels, form=form, LABELS=labels.upper())
