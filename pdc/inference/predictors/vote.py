"""One answer made of several looks: the image as it is and mirrored, each asked by itself, and what enough of them see stands.

The looks' marks of one label are one object where they agree by `VOTES`, at most one of each look. The object stands where two
looks see it, and half of those that have a vote. A look that could not be read, or was cut, has no vote. The object's place is
the median of its marks, corner by corner. Its score is worth what that score of one look is, so that thresholds and counts hold:

    logit(score) = logit(mean of its marks' scores) + WEIGHT * (share of the looks that see it - USUAL)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from statistics import fmean, median, median_low
from typing import TYPE_CHECKING

from pdc.domain.agreement.objects import group_marks
from pdc.domain.carrying import free_id
from pdc.domain.certainty.counts import CountChances, Distribution, count_chances, mixed
from pdc.domain.certainty.logistic import Logistic
from pdc.domain.doubt import Thresholds, opened, with_doubts
from pdc.domain.geometry import Size, map_findings
from pdc.domain.matching import LOOKS, VOTES, without_duplicates
from pdc.domain.message import Message
from pdc.domain.values import Box, Findings, Mark, Point, Question, Shape
from pdc.inference.predictors.base import Answer, Predictor, SoFar
from pdc.inference.predictors.tiling import median_spacing

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

WEIGHT, USUAL = 2.0, 0.85  # by `python -m tests.bench.votes`: a voted score is right as often as that score of one look
NO_VOTE = "{n} of {all} looks could not be read to their end and had no vote."


@dataclass(frozen=True, slots=True)
class Mirror:
    """A way to look at an image: turned left to right (`across`), top to bottom (`down`), both, or as it is."""

    name: str
    across: bool = False
    down: bool = False

    def image(self, image: PilImage) -> PilImage:
        """The image as it looks in the mirror."""
        from PIL.Image import Transpose

        turns = Transpose.FLIP_LEFT_RIGHT, Transpose.FLIP_TOP_BOTTOM, Transpose.ROTATE_180
        return image.transpose(turns[self.across + 2 * self.down - 1]) if self.across or self.down else image

    def back(self, findings: Findings, wh: Size) -> Findings:
        """What was found in the mirror, where it is in the image of (width, height)."""
        return map_findings(findings, lambda shape: self._back(shape, wh)) if self.across or self.down else findings

    def _back(self, shape: Shape, wh: Size) -> Shape:
        if isinstance(shape, Point):
            return Point(wh[0] - shape.x if self.across else shape.x, wh[1] - shape.y if self.down else shape.y)
        x1, x2 = (wh[0] - shape.x2, wh[0] - shape.x1) if self.across else (shape.x1, shape.x2)
        y1, y2 = (wh[1] - shape.y2, wh[1] - shape.y1) if self.down else (shape.y1, shape.y2)
        return Box(x1, y1, x2, y2)


MIRRORS = Mirror("as it is"), Mirror("left to right", True), Mirror("top to bottom", False, True), Mirror("both", True, True)
MOST_LOOKS = len(MIRRORS)


def vote(question: Question, looks: Sequence[Answer]) -> Answer:
    """One answer out of the looks' answers, each in pixels of the image. Where fewer than two have a vote, the first that has
    one stands alone, else the first that says anything."""
    heard = [a for a in looks if a.findings is not None and a.findings.complete and not a.cut]
    first = (heard or [a for a in looks if a.findings] or looks)[0]
    lost = len(looks) - len(heard)
    told = [Message(NO_VOTE, n=lost, all=len(looks))] if lost else []
    answer = replace(
        first,
        raw="\n".join(f"{mirror.name}: {line}" for mirror, a in zip(MIRRORS, looks, strict=False) for line in a.raw.split("\n")),
        seconds=round(sum(a.seconds for a in looks), 3),
        notes=tuple(dict.fromkeys([*(note for a in looks for note in a.notes), *told])),
        max_pixels=min((a.max_pixels for a in looks if a.max_pixels), default=None),
        short_of_memory=any(a.short_of_memory for a in looks),
        looks=len(looks),
        lost_looks=lost,
    )
    if len(heard) < 2:
        return answer
    found = agreed(question, [a.findings for a in heard if a.findings], first.thresholds)
    more, told = _means([a.more for a in heard]), _mixed([a.counts for a in heard])
    counts = count_chances(found.marks, more, first.count_models) if question.task.has_marks else told
    return replace(answer, findings=found, counts=counts, more=more)


def agreed(question: Question, looks: Sequence[Findings], thresholds: Thresholds) -> Findings:
    """What enough of the looks found. Of numbers without marks it is the median, the lower one of two."""
    if not question.task.has_marks:
        return Findings(stated={n: median_low([f.stated.get(n, 0) for f in looks]) for n in question.labels})
    marks = [m for label in question.labels for m in _agreed(label, [opened(f) for f in looks])]
    found = with_doubts(without_duplicates(Findings(_with_ids(marks))), thresholds)
    if not question.task.states_count:
        return found
    return replace(found, stated={n: sum(m.label == n and m.counts for m in found.marks) for n in question.labels})


def _agreed(label: str, looks: Sequence[Findings]) -> Iterator[Mark]:
    """The objects of one label that stand, those of the first look first."""
    reads = {str(i): Findings(tuple(_as_body(m) for m in f.marks if m.label == label)) for i, f in enumerate(looks)}
    gap = max(median_spacing(f.marks) for f in reads.values())
    rule = replace(VOTES, distance=max(VOTES.distance, LOOKS.spacing * gap))
    groups = [list(group.marks.values()) for group in group_marks(reads, rule)]
    return (_middle(marks, len(looks)) for marks in groups if stands(len(marks), len(looks)))


def stands(found: int, looks: int) -> bool:
    """Whether an object stands that so many of the looks see."""
    return found >= 2 and 2 * found >= looks


def _as_body(mark: Mark) -> Mark:
    """The mark as its object, as far as that is known, so that points of objects with an extent are compared by it."""
    return replace(mark, shape=mark.extent, extent=mark.extent) if mark.extent else mark


def _middle(marks: Sequence[Mark], looks: int) -> Mark:
    """The one mark of an object that these are, with the id of the first."""
    first = marks[0]
    body = _median([m.shape for m in marks])
    shape, extent = (body.center, body) if first.extent and isinstance(body, Box) else (body, None)
    scores = [m.score for m in marks if m.score is not None]
    score = voted_score(fmean(scores), len(marks) / looks) if scores else None
    return replace(first, shape=shape, extent=extent, score=score, votes=(len(marks), looks))


def voted_score(mean: float, share: float) -> float:
    """The score of a mark, by the formula above."""
    return round(Logistic(1.0, WEIGHT * (share - USUAL)).right(mean), 4)


def _median(shapes: Sequence[Shape]) -> Shape:
    boxes = [s.xyxy for s in shapes if isinstance(s, Box)]
    if boxes:
        return Box(*map(median, zip(*boxes, strict=True)))
    return Point(median(s.center.x for s in shapes), median(s.center.y for s in shapes))


def _with_ids(marks: Sequence[Mark]) -> tuple[Mark, ...]:
    """The marks, each with an id of its own: of two looks the same id is no object."""
    taken: set[str] = set()
    return tuple(replace(m, id=free_id(m.id, taken)) for m in marks)


def _mixed(counts: Sequence[CountChances]) -> dict[str, Distribution]:
    """Of each label whose count every look tells the chances of, the looks' mean."""
    return {label: mixed([of[label] for of in counts]) for label in counts[0] if all(label in of for of in counts)}


def _means(numbers: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {label: round(fmean(of[label] for of in numbers), 4) for label in numbers[0] if all(label in of for of in numbers)}


class VotePredictor:
    """As the predictor inside, which is asked about so many looks at each image; with one look it is asked alone."""

    def __init__(self, inside: Predictor, looks: int = len(MIRRORS)) -> None:
        self.inside, self.mirrors = inside, MIRRORS[:looks]

    @property
    def labels(self) -> frozenset[str] | None:
        return self.inside.labels

    def untaught(self, question: Question) -> tuple[str, ...]:
        return self.inside.untaught(question)

    def predict(self, image: PilImage, question: Question) -> Answer:
        return self.predict_many([(image, question)])[0]

    def predict_many(self, asked: Sequence[tuple[PilImage, Question]]) -> list[Answer]:
        """One look at all images after the other, so that a batch is no larger than of one look."""
        by_look = [self._look(mirror, asked) for mirror in self.mirrors]
        seconds = round(sum(some[0].seconds for some in by_look), 3) if asked else 0.0
        answers = [_voted(question, looks) for (_, question), looks in zip(asked, zip(*by_look, strict=True), strict=True)]
        return [replace(a, seconds=seconds) for a in answers]

    def stream(
        self, image: PilImage, question: Question, cancelled: Callable[[], bool] = lambda: False
    ) -> Iterator[SoFar | Answer]:
        """The first look as it comes, and its marks until all looks have voted; the answer last. Ends without it once
        `cancelled` says so, at the latest after the present look's next pass of the model."""
        if len(self.mirrors) == 1:
            yield from self.inside.stream(image, question, cancelled)
            return
        done: list[Answer] = []
        for mirror in self.mirrors:
            if done and cancelled():
                return
            with closing(self.inside.stream(mirror.image(image), question, cancelled)) as parts:  # type: ignore[type-var]
                for part in parts:
                    if isinstance(part, Answer):
                        done.append(_back(mirror, part, image.size))
                    elif mirror is MIRRORS[0]:
                        yield replace(part, look=(1, len(self.mirrors)))
            if len(done) <= self.mirrors.index(mirror):
                return
            if len(done) < len(self.mirrors) and (found := done[0].findings) is not None:
                yield SoFar(found, done[0].likeness, (len(done) + 1, len(self.mirrors)))
        yield vote(question, done)

    def _look(self, mirror: Mirror, asked: Sequence[tuple[PilImage, Question]]) -> list[Answer]:
        answers = self.inside.predict_many([(mirror.image(image), question) for image, question in asked])
        return [_back(mirror, a, image.size) for a, (image, _) in zip(answers, asked, strict=True)]


def _back(mirror: Mirror, answer: Answer, wh: Size) -> Answer:
    return replace(answer, findings=answer.findings and mirror.back(answer.findings, wh))


def _voted(question: Question, looks: Sequence[Answer]) -> Answer:
    return vote(question, looks) if len(looks) > 1 else looks[0]
