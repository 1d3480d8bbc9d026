"""Look closer: a region asked about again, larger, and what is found there put beside the marks that are there already.

What a person made or judged always stays as it is. An open mark of the model's that the closer look sees again takes the
closer look's shape and score and keeps its id; one that it does not see again stays, for the reader to decide.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pdc.domain.certainty.counts import count_chances
from pdc.domain.errors import BadImage, BadQuestion, Unreadable
from pdc.domain.geometry import Size, clip, map_findings, rescale
from pdc.domain.matching import LOOKS
from pdc.domain.values import Box, Findings, Mark, Question, Status
from pdc.inference.predictors.base import Answer
from pdc.inference.predictors.tiling import Tile, claim_marks, median_spacing, window_of

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

    from pdc.inference.predictors.base import Predictor

LEAST_REGION = 4.0  # image pixels a side
LEAST_WINDOW = 32.0  # image pixels a side: with less around it nothing can be told
ENOUGH = 1024  # pixels: a look is not enlarged beyond this longer side
EDGE = 0.01  # of the window's longer side: a box that ends so near the window's end is cut by it
Cancelled = Callable[[], bool]
SHARE = 1 / 3  # side of a region the engine picks, of the image's longer side


def zoom_in(
    predictor: Predictor,
    image: PilImage,
    question: Question,
    region: Box,
    marks: Sequence[Mark] = (),
    cancelled: Cancelled | None = None,
) -> Findings | None:
    """`marks` and what the model finds in `region` when it looks there again; all in pixels of the image.

    None once `cancelled` says so: the model gives up then, if it can answer bit by bit.

    Marks whose centre lies in the region are asked for; new ones get ids of their own. Raises BadQuestion for a question
    without marks or a region that is not in the image, Unreadable when the answer is, and what `predict` raises.
    """
    if not question.task.has_marks:
        raise BadQuestion("Only points and boxes can be looked at closer; choose a task that lists them.")
    tile = _tile(region, marks, image.size)
    crop, wh = _enlarged(image, tile.window)
    answer = _answer(predictor, crop, question, cancelled)
    if answer is None:
        return None
    if answer.findings is None:
        raise Unreadable("The answer to the closer look could not be read; your marks are as they were. Try a larger region.")
    size = round(tile.window.width), round(tile.window.height)
    found = map_findings(answer.findings, lambda s: rescale(s, wh, size))
    whole = [m for m in claim_marks(tile, found) if not _cut(m, tile.window, image.size)]
    return _stated(merge_marks(marks, whole, image.size), question)


def zoom_answer(predictor: Predictor, image: PilImage, question: Question, answer: Answer, regions: int) -> Answer:
    """The answer after a closer look at its least certain regions, at most so many; `seconds` is only the answer's own.

    A region whose closer look fails keeps its marks, and a note says so.
    """
    findings = answer.findings
    if regions < 1 or findings is None or not question.task.has_marks:
        return answer
    failed: list[str] = []
    for region in least_certain_regions(findings.marks, image.size, regions):
        try:
            findings = zoom_in(predictor, image, question, region, findings.marks) or findings  # nobody cancels
        except (BadImage, BadQuestion, Unreadable) as error:
            failed.append(f"One closer look failed, and its region keeps its marks: {error}")
    counts = count_chances(findings.marks, answer.more, answer.count_models)
    return replace(answer, findings=findings, counts=counts, notes=(*answer.notes, *failed))


def least_certain_regions(marks: Sequence[Mark], wh: Size, regions: int = 2) -> list[Box]:
    """At most so many squares of the image in which the model doubts most of its open marks, most doubtful first."""
    side = SHARE * max(wh)
    left = [m for m in marks if m.untouched and m.score is not None]
    picked: list[Box] = []
    while left and len(picked) < regions:
        squares = [_square(m, side, wh) for m in left]
        best = max(squares, key=lambda s: sum(1 - (m.score or 0.0) for m in left if _within(m, s)))
        picked.append(best)
        left = [m for m in left if not _within(m, best)]
    return picked


def merge_marks(before: Sequence[Mark], found: Sequence[Mark], wh: Size) -> tuple[Mark, ...]:
    """The marks there were, in their order, then those that no earlier mark shows; `found` is surest first or in any order."""
    gap = max(median_spacing(before), median_spacing(found)) or SHARE * max(wh)
    kept, ids = list(before), {m.id for m in before}
    for mark in sorted(found, key=lambda m: -(m.score or 0.0)):
        known = next((i for i, k in enumerate(kept) if _shows(k, mark, gap)), None)
        if known is None:
            kept.append(replace(mark, id=_new_id(ids)))
        elif kept[known].untouched and known < len(before):
            kept[known] = replace(mark, id=kept[known].id)
    return tuple(kept)


def _answer(predictor: Predictor, image: PilImage, question: Question, cancelled: Cancelled | None) -> Answer | None:
    """The whole answer; None when it was cancelled."""
    if cancelled is None:
        return predictor.predict(image, question)
    whole = [part for part in predictor.stream(image, question, cancelled) if isinstance(part, Answer)]
    return whole[0] if whole and not cancelled() else None


def _tile(region: Box, marks: Sequence[Mark], wh: Size) -> Tile:
    """The region, and the window around it that shows whole what lies in it."""
    core = clip(region, wh)
    if min(core.width, core.height) < LEAST_REGION:
        raise BadQuestion("The region has no {n} x {n} pixels in the image; drag a larger one.", n=f"{LEAST_REGION:g}")
    sides = sorted(max(m.body.width, m.body.height) for m in marks if isinstance(m.body, Box) and _within(m, core))
    reach = 0.6 * sides[int(0.9 * (len(sides) - 1))] if sides else 0.0
    reach = max(reach, (LEAST_WINDOW - min(core.width, core.height)) / 2)
    return Tile(window_of(core, reach, wh), core)


def _enlarged(image: PilImage, window: Box) -> tuple[PilImage, Size]:
    """(the window's part of the image, as large as the whole one was shown; its size)."""
    from PIL.Image import Resampling

    x1, y1, x2, y2 = map(round, window.xyxy)
    crop = image.crop((x1, y1, x2, y2))
    factor = min(max(image.size), ENOUGH) / max(crop.size)
    if factor <= 1:
        return crop, crop.size
    wh = round(crop.width * factor), round(crop.height * factor)
    return crop.resize(wh, Resampling.BICUBIC), wh


def _cut(mark: Mark, window: Box, wh: Size) -> bool:
    """Whether the window ends where the box does, and the image does not: there may be more of the object."""
    if not isinstance(mark.body, Box):
        return False
    near = max(1.0, EDGE * max(window.width, window.height))
    sides = zip(mark.body.xyxy, window.xyxy, (0, 0, *wh), strict=True)
    return any(abs(side - end) < near and end != border for side, end, border in sides)


def _shows(known: Mark, mark: Mark, gap: float) -> bool:
    """Whether the known mark is this object. What was rejected under another label may still be there under this one."""
    if known.label != mark.label and (known.untouched or known.status is Status.REJECTED):
        return False
    return LOOKS.same(known.body, mark.body, gap)


def _stated(marks: tuple[Mark, ...], question: Question) -> Findings:
    if not question.task.states_count:
        return Findings(marks)
    return Findings(marks, {label: sum(m.label == label and m.counts for m in marks) for label in question.labels})


def _square(mark: Mark, side: float, wh: Size) -> Box:
    """A square of the image around the mark; moved, not cut, at the image's border."""
    c, (w, h) = mark.shape.center, (min(side, wh[0]), min(side, wh[1]))
    x, y = min(max(c.x - w / 2, 0.0), wh[0] - w), min(max(c.y - h / 2, 0.0), wh[1] - h)
    return Box(x, y, x + w, y + h)


def _within(mark: Mark, box: Box) -> bool:
    c = mark.shape.center
    return box.x1 <= c.x <= box.x2 and box.y1 <= c.y <= box.y2


def _new_id(ids: set[str]) -> str:
    """An id that no mark has; it is taken by this."""
    n = len(ids) + 1
    while f"c{n}" in ids:
        n += 1
    ids.add(f"c{n}")
    return f"c{n}"
