"""An answer as a line: of JSON, for programs, or of words."""

from __future__ import annotations

from typing import Any

from pdc.domain.certainty.counts import Worth, worth_of_all
from pdc.domain.doubt import believable, unlike, unlike_note
from pdc.domain.geometry import Size
from pdc.domain.prompts import none_found
from pdc.domain.values import Box, Mark, Question, Status
from pdc.domain.view import View
from pdc.images.intake import Accepted
from pdc.inference.predictors.base import Answer


def answer_row(name: str, wh: Size, question: Question, answer: Answer, image: Accepted | None = None) -> dict[str, Any]:
    """An answer as `--json` prints it; coordinates in pixels of the upright image. Doubtful marks are not in the count.

    With the `image` it also says what was changed to show it, and what of its file the model saw.
    """
    findings = answer.findings
    return {
        "image": name,
        "width": wh[0],
        "height": wh[1],
        "task": question.task.value,
        "labels": list(question.labels),
        "marks": [_mark_row(m) for m in findings.marks] if findings else [],
        "count": findings.count(question.task) if findings else None,
        "worth": _worth_row(answer, question),
        "count_chances": {label: answer.counts[label] for label in question.labels if label in answer.counts},
        "readable": findings is not None,
        "complete": findings is not None and findings.complete,
        "cut": answer.cut,
        "likeness": dict(answer.likeness),
        "unlike": list(unlike(answer.likeness, [m.label for m in findings.marks] if findings else ())),
        "thresholds": {label: answer.thresholds[label] for label in question.labels if label in answer.thresholds},
        "model": answer.model,
        "adapter": answer.adapter,
        "experts": list(answer.experts),
        "looks": answer.looks,
        "lost_looks": answer.lost_looks,
        "max_pixels": answer.max_pixels,
        "seconds": answer.seconds,
        "view": image.view.stored() if image and image.view else None,
        "notes": [*(image.notes if image else ()), *answer.notes],
    }


def _mark_row(mark: Mark) -> dict[str, Any]:
    said = {"label": mark.label, "score": mark.score, "doubtful": mark.status is Status.DOUBTFUL, "expert": mark.expert}
    if mark.votes:
        said |= {"votes": list(mark.votes)}
    if isinstance(mark.shape, Box):
        return {"box": [round(v, 2) for v in mark.shape.xyxy], **said}
    return {"point": [round(mark.shape.x, 2), round(mark.shape.y, 2)], **said}


def in_words(row: dict[str, Any]) -> str:
    if not row["readable"]:
        return f"{row['image']}: the answer could not be read"
    found = f"{row['count']} found" if row["count"] else none_found(row["labels"]).removesuffix(".")
    found += _worth(row) + _doubts(row)
    if not row["complete"]:
        found = f"{row['count']} found; a part of the answer could not be read{_doubts(row)}"
    if row["cut"]:
        found = f"{row['count']} found before the answer was cut off; what comes after is not known{_doubts(row)}"
    if strange := unlike_note(row["unlike"]):
        found = f"{strange} {found}"
    if warning := View.of(row["view"] or {}).warning:
        found = f"{warning} {found}"
    who = [row["model"], f"adapter {row['adapter'] or 'none'}", *(f"expert {name}" for name in row["experts"])]
    who += [f"{row['looks']} looks"] if row["looks"] > 1 else []
    of_what = f"{', '.join(row['labels'])}; " if row["count"] else ""
    return f"{row['image']}: {found} ({of_what}{row['seconds']} s; {', '.join(who)})"


def _worth_row(answer: Answer, question: Question) -> dict[str, Any] | None:
    """What the count is worth, over all labels; None where it is unknown for one of them, or the answer was cut."""
    if answer.findings is None or answer.cut:
        return None
    chances = believable(answer.counts, answer.likeness)
    worth = worth_of_all(chances, answer.findings.counts(question.task), question.labels)
    return worth and {"chance": round(worth.chance, 4), "low": worth.low, "high": worth.high}


def _worth(row: dict[str, Any]) -> str:
    return f" ({Worth(row['count'], **row['worth']).words})" if row["worth"] else ""


def _doubts(row: dict[str, Any]) -> str:
    """How many marks are doubtful, and below which score; empty where none is."""
    labels = [m["label"] for m in row["marks"] if m["doubtful"]]
    if not labels:
        return ""
    below = sorted({row["thresholds"][label] for label in labels})
    marks = "1 doubtful mark" if len(labels) == 1 else f"{len(labels)} doubtful marks"
    return f" ({marks} below {' or '.join(f'{t:.2f}' for t in below)})"
