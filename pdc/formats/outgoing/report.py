"""What an export wrote, and what of the reviews other programs will not find in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pdc.domain.message import Message, joined
from pdc.domain.values import Box, Status
from pdc.formats.contents import LeftOut, What, counted, told_left_out
from pdc.formats.records import Asked, Case, Holds, Picture, has_area, is_drawn_box, picture_of, says_all, shown
from pdc.formats.shapes.outlines import outline_of
from pdc.spool import Spool, spooled

SIZELESS = Message("this format has no place for a box of no size; only PDC reads it back")
POINT = Message("this format has no place for a point; only PDC reads it back")
NUMBER = Message("this format has no place for a count without marks; only PDC reads it back")
OLDER = Message("a newer answer about this label is written; only PDC reads it back")
OUTLINE = Message("this format has no place for an outline; the box around it is written")
UNFINISHED = Message("more of it may be there, which this format has no place for; only PDC reads it back")
SILENT = Message("nobody was asked about it, and other programs take what this format does not draw as “none”")
UNSEEN = Message("it was auto-accepted, and only PDC finds that nobody has looked at it; what is drawn looks reviewed")
NOT_COUNTED = {Status.REJECTED: Message("the reader rejected it"), Status.DOUBTFUL: Message("nobody has said that it is there")}
ONLY_HERE = "Only PDC has: {listed}. An archive (`pdc archive out`) holds everything."
ALWAYS = Message("predictions"), Message("drafts")
BESIDE = {
    "deeper picture": "the deeper pictures of files ({n})",
    "earlier revision": "earlier revisions ({n})",
    "stated count": "stated counts ({n})",
    "author": "authors ({n})",
    "score": "scores ({n})",
}
TELLS_WHO = ("csv",)
"""formats with authors, times and scores"""
HOLDS: Mapping[str, Holds] = {"coco": has_area, "label-studio": has_area, "yolo": is_drawn_box, "voc": is_drawn_box}
"""what the formats of other programs have a place for; the formats that are not here hold every answer"""
UNTRACED = ("yolo", "voc", "csv")
"""formats without outlines"""
CLOSED = ("yolo", "voc")
"""formats in which what is not drawn is taken for absent"""


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export wrote. `reviews`, `marks` and `none` (answers that a label is not there) are those that other programs
    find, at least in part; `left_out` is what they do not."""

    format: str
    images: int
    reviews: int
    marks: int
    none: int
    left_out: Collection[LeftOut]
    only_here: Mapping[str, int] = field(default_factory=dict)
    """what of these reviews stays in PDC, by its name"""
    there: int = 0
    """files that an earlier run had written before it was stopped"""

    def told(self, folder: Path) -> str:
        """In one line: images, marks, "none" answers, and what other programs will not find, by reason."""
        wrote = f"Wrote {counted(self.reviews, 'review')} of {counted(self.images, 'image')} to {folder} as {self.format}"
        held = f'{counted(self.marks, "mark")}, {counted(self.none, "answer")} "none"'
        gone_on = f" An earlier run was stopped; {counted(self.there, 'file')} of it stayed." if self.there else ""
        return f"{wrote}: {held}.{gone_on} {joined([told_left_out(self.left_out), self.kept_here])}"

    @property
    def kept_here(self) -> Message:
        """What stays in PDC, in a sentence."""
        beside = [Message(BESIDE[what], n=n) for what, n in self.only_here.items()]
        return Message(ONLY_HERE, listed=joined([*ALWAYS, *beside], ", "))


def reported(format: str, cases: Collection[Case], missing: Iterable[LeftOut]) -> Exported:
    """The account of an export of these cases, of which `missing` were left out before."""
    holds, left_out, marks, none, reviews = HOLDS.get(format), Spool(missing), 0, 0, 0
    used = {label for case in cases for review in case.reviews for label in review.question.labels} if format in CLOSED else set()
    for case in cases:
        picture = picture_of(case)
        found = picture.asked if holds is None else _found(picture, holds)
        marks, none = marks + sum(len(a.shapes) for a in found), none + sum(a.none for a in found)
        reviews += len({(a.task, a.question) for a in found})
        left_out.extend(_left_out(case, picture, format, used))
    return Exported(format, len(cases), reviews, marks, none, spooled(left_out), _only_here(format, cases))


def _left_out(case: Case, picture: Picture, format: str, used: Collection[str]) -> Iterator[LeftOut]:
    holds = HOLDS.get(format)
    yield from _hidden(picture, holds) if holds else ()
    yield from _not_counted(case)
    yield from _not_asked(picture, used)
    yield from _untraced(picture, format)
    yield from (LeftOut(What.ANSWER, UNSEEN, picture.name, a.label) for a in picture.asked if a.unseen)
    yield from (LeftOut(What.ANSWER, UNFINISHED, picture.name, a.label) for a in picture.asked if holds and not a.complete)


def _only_here(format: str, cases: Collection[Case]) -> dict[str, int]:
    """What the reviews have beside their marks, and the format does not write."""
    found: Counter[str] = Counter()
    for case in cases:
        found["deeper picture"] += case.image.view is not None and case.image.view.raw is not None
        for review in case.reviews:
            marks = [m for m in review.findings.marks if m.counts]
            found["earlier revision"] += review.revision - 1
            found["stated count"] += len(review.findings.stated) if review.question.task.has_marks else 0
            found["author"] += format not in TELLS_WHO
            found["score"] += 0 if format in TELLS_WHO else sum(m.score is not None for m in marks)
    return {what: n for what, n in found.items() if n}


def _found(picture: Picture, holds: Holds) -> list[Asked]:
    """The answers that other programs find, with the shapes that they find."""
    if not says_all(picture, holds):
        return []
    answers = [a for a, is_shown in zip(picture.asked, shown(picture), strict=True) if is_shown]
    held = [replace(a, shapes=tuple(filter(holds, a.shapes))) for a in answers]
    return [a for a in held if a.shapes or a.none]


def _hidden(picture: Picture, holds: Holds) -> Iterator[LeftOut]:
    for asked, is_shown in zip(picture.asked, shown(picture), strict=True):
        if not is_shown:
            yield LeftOut(What.ANSWER, OLDER, picture.name, asked.label)
        elif asked.count and not asked.shapes:
            yield LeftOut(What.ANSWER, NUMBER, picture.name, asked.label)
        else:
            unheld = [SIZELESS if isinstance(s, Box) else POINT for s in asked.shapes if not holds(s)]
            yield from (LeftOut(What.OBJECT, reason, picture.name, asked.label) for reason in unheld)


def _untraced(picture: Picture, format: str) -> Iterator[LeftOut]:
    """The outlines that are lost, each with its box written."""
    boxes = [(a.label, s) for a in picture.asked for s in a.shapes if outline_of(s)] if format in UNTRACED else []
    return (LeftOut(What.OUTLINE, OUTLINE, picture.name, label) for label, _ in boxes)


def _not_counted(case: Case) -> Iterator[LeftOut]:
    marks = [m for r in case.reviews for m in r.findings.marks if m.status in NOT_COUNTED]
    return (LeftOut(What.OBJECT, NOT_COUNTED[m.status], case.image.name, m.label) for m in marks)


def _not_asked(picture: Picture, used: Collection[str]) -> Iterator[LeftOut]:
    asked = {a.label for a in picture.asked}
    return (LeftOut(What.ANSWER, SILENT, picture.name, n) for n in sorted(used) if n not in asked)
