"""What a reader sees when somebody saved the same image meanwhile: mine, theirs, what both started from, what differs."""

from __future__ import annotations

from pdc.domain.diff import CorrectionKind, diff
from pdc.domain.merge import Clash, merge
from pdc.domain.message import Message, joined
from pdc.domain.prompts import count_in_words
from pdc.domain.values import Box, Findings, Image, Mark, Question
from pdc.review.drafts import Conflict
from pdc.web.ui.view import Node, draw_correction, el, picture, stands, table

SAVED_MEANWHILE = "{reader} saved revision {n} at {time}, after you had opened this."
HEAD = (Message("Mark"), Message("Yours"), Message("Theirs"), Message("Before"))


def conflict_view(conflict: Conflict) -> Node:
    """Three pictures with counts, and one line for each thing that both changed differently."""
    mine, theirs = conflict.mine, conflict.theirs
    clashes = merge(conflict.base, mine.findings, theirs.findings).clashes
    at = f"{theirs.created_at.astimezone():%H:%M}"
    said = Message(SAVED_MEANWHILE, reader=theirs.author, n=theirs.revision, time=at)
    sides = (
        (Message("Yours"), mine.findings),
        (Message("Theirs, revision {n}", n=theirs.revision), theirs.findings),
        (Message("Both started from"), conflict.base),
    )
    figures = [_figure(mine.image, title, f, conflict.base, mine.question) for title, f in sides]
    listed = table(HEAD, map(_row, clashes)) if clashes else el("p", _no_clash(conflict))
    return el(
        "section",
        el("h3", Message("Somebody else saved this image")),
        el("p", said, " ", Message("Your draft is kept.")),
        el("div", *figures, cls="pdc-three"),
        el("div", listed, cls="pdc-clashes"),
        aria_label=Message("Conflict"),
    )


def _figure(image: Image, title: Message, findings: Findings, base: Findings, question: Question) -> Node:
    changes = diff(base, findings)
    shapes = [node for c in changes for node in draw_correction(c)] if findings is not base else [stands(m) for m in base.marks]
    count = count_in_words(findings.count(question.task), question.labels, findings.complete)
    changed = sum(c.kind is not CorrectionKind.KEPT for c in changes)
    words = joined([Message("counted: {n}", n=count), Message("changed: {n}", n=changed) if changed else ""], " · ")
    return el("figure", picture(image, shapes, joined([title, words], " · ")), el("figcaption", el("strong", title), " ", words))


def _no_clash(conflict: Conflict) -> Message:
    merged, question = merge(conflict.base, conflict.mine.findings, conflict.theirs.findings).findings, conflict.mine.question
    count = count_in_words(merged.count(question.task), question.labels, merged.complete)
    return Message("You changed different things: a merge holds both, {n} counted.", n=count)


def _row(clash: Clash) -> tuple[str, ...]:
    return clash.name, _words(clash.mine), _words(clash.theirs), _words(clash.base)


def _words(value: Mark | int | None) -> str:
    if not isinstance(value, Mark):
        return Message("removed") if value is None else str(value)
    at = value.shape.center
    size = [f"{value.shape.width:.0f} × {value.shape.height:.0f}"] if isinstance(value.shape, Box) else []
    return joined([value.label, f"{at.x:.0f}, {at.y:.0f}", *size, Message(value.status)], " · ")
