"""What the app knows, in the shapes of the API."""

from __future__ import annotations

from collections.abc import Sequence

from pdc.client import shapes
from pdc.domain.carrying import unasked
from pdc.domain.message import Message
from pdc.domain.values import Findings, Image, Mark, Prediction, Question, Review
from pdc.review.worklist import Entry
from pdc.web.ui.annotator import mark_value
from pdc.web.ui.words import in_language
from pdc.web.ui.worklist import detail


def image(stored: Image, notes: Sequence[Message] = (), language: str = "en") -> shapes.Image:
    return shapes.Image(
        sha256=stored.sha256,
        name=stored.name,
        width=stored.width,
        height=stored.height,
        group=stored.group,
        created_at=stored.created_at,
        notes=[in_language(note, language) for note in notes],
    )


def mark(found: Mark) -> shapes.Mark:
    return shapes.Mark(**mark_value(found))


def asked(question: Question) -> shapes.Asked:
    return shapes.Asked(task=question.task, labels=list(question.labels))


def prediction(answer: Prediction, asked: Question | None = None) -> shapes.Prediction:
    """`asked`: the question that it answers a part of."""
    found, task = answer.findings or Findings(), answer.question.task
    return shapes.Prediction(
        id=answer.id,
        image=answer.image_sha256,
        task=task,
        labels=list(answer.question.labels),
        readable=answer.findings is not None,
        complete=answer.findings is not None and found.complete and not answer.cut,
        marks=[mark(m) for m in found.marks],
        counts=found.counts(task),
        total=None if answer.findings is None else found.count(task),
        count_chances={label: dict(of) for label, of in answer.counts.items()},
        likeness=dict(answer.likeness),
        model=answer.model,
        adapter=answer.adapter,
        experts=list(answer.experts),
        looks=answer.looks,
        seconds=answer.seconds,
        created_at=answer.created_at,
        unasked=list(unasked(answer, asked)) if asked else [],
    )


def review(said: Review) -> shapes.Review:
    return shapes.Review(
        id=said.id,
        image=said.image_sha256,
        task=said.question.task,
        labels=list(said.question.labels),
        revision=said.revision,
        verdict=said.verdict,
        author=said.author,
        created_at=said.created_at,
        prediction=said.prediction_id,
        marks=[mark(m) for m in said.findings.marks],
        counts=said.findings.counts(said.question.task),
        total=said.findings.count(said.question.task),
        complete=said.complete,
        blind=said.blind,
    )


def entry(of: Entry, language: str) -> shapes.Entry:
    return shapes.Entry(
        sha256=of.image.sha256,
        name=of.image.name,
        stage=str(of.stage),
        open=of.stage.open,
        reader=of.reader,
        author=of.author,
        revision=of.revision,
        detail=in_language(detail(of), language),
    )
