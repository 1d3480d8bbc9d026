"""Which looks a question takes: tiles of the size at which an asked label was learnt, else what the image asks for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pdc.domain.geometry import Size
from pdc.domain.values import Box, Findings, Mark, Question, Task
from pdc.inference.predictors.content import content_box
from pdc.inference.predictors.tiling import Tile, claim_marks, plan_by_size, plan_by_window, plan_tiles, whole_tile
from pdc.inference.types import Proposal

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

    from pdc.inference.frame import Frame

MUCH_THE_SAME = 1.5  # times as large: windows in which labels are asked together
SURE = 0.3  # a proposal of the dense head counts from this score when tiles are planned
SMALL = 0.5  # of a look's side: labels that were learnt larger than that are of every size, and not looked for closer
UNSURE = 0.55  # mean score of what a look sees: below, closer looks are tried
MORE = 1.3  # times the evidence of the look that its parts must show
LEAST_EVIDENCE = 4.0  # that they must show: less is a false mark or two

See = Callable[[Box], Sequence[Mark]]
Sizes = Mapping[str, tuple[float, float]]


def plan_looks(
    wh: Size, question: Question, windows: Mapping[str, float], otherwise: Callable[[Question], Sequence[Tile]]
) -> list[Tile]:
    """Tiles for an image of (width, height): about a label that was learnt in windows of some side (in image pixels) those of
    that size, about the rest what `otherwise` plans. Labels learnt at much the same size share their tiles."""
    sides = group_sides({label: windows[label] for label in question.labels if label in windows})
    groups: dict[float | None, tuple[str, ...]] = {}
    for label in question.labels:
        groups[sides.get(label)] = (*groups.get(sides.get(label), ()), label)
    asked = {side: replace(question, labels=labels) for side, labels in groups.items()}
    plans = [(q, plan_by_window(wh, side) if side else otherwise(q)) for side, q in asked.items()]
    return [replace(t, labels=q.labels) if len(plans) > 1 else t for q, tiles in plans for t in tiles]


def group_sides(windows: Mapping[str, float]) -> dict[str, float]:
    """The windows with sides within MUCH_THE_SAME of each other made one: the smallest of them."""
    sides: dict[str, float] = {}
    shared = 0.0
    for label, side in sorted(windows.items(), key=lambda pair: pair[1]):
        shared = shared if shared and side <= MUCH_THE_SAME * shared else side
        sides[label] = shared
    return sides


def about(tile: Tile, question: Question) -> Question:
    """The part of the question that is asked about the tile."""
    return replace(question, labels=tile.labels) if tile.labels else question


def plan_by_content(
    image: PilImage, question: Question, known: Collection[str], see: See, sizes: Sizes | None = None
) -> tuple[Tile, ...]:
    """Tiles by what a dense head, which knows the labels `known`, sees in a window (`see`), and by the `sizes` at which labels
    were learnt. A plain frame around the picture is left out, unless a label was learnt later, in looks at whole images."""
    area = content_box(image) if set(question.labels) <= set(known) else None
    of_small = {label: (sizes or {})[label] for label in question.labels if label in (sizes or {})}
    of_small = {label: ends for label, ends in of_small.items() if ends[1] <= SMALL}
    closer = lambda tile, parts: shows_more(tile, parts, see, of_small)  # noqa: E731
    return plan_tiles(image.size, lambda window: [m.body for m in see(window) if isinstance(m.body, Box)], area, closer)


def shows_more(tile: Tile, parts: Sequence[Tile], see: See, sizes: Sizes) -> bool:
    """Whether the parts of a tile show more of the labels in `sizes` than it does, where that is little or unsure: what it
    holds is too small for this look, or whole cells were taken for what was asked."""
    scores = [m.score or 0.0 for m in see(tile.window) if m.label in sizes] if sizes else []
    if not sizes or sum(scores) >= UNSURE * len(scores) > 0:
        return False
    closer = sum(_evidence(part, see, sizes) for part in parts)
    return closer >= LEAST_EVIDENCE and closer > MORE * _evidence(tile, see, sizes)


def _evidence(tile: Tile, see: See, sizes: Sizes) -> float:
    """The summed scores of what a look sees in the tile's core at a size that was learnt."""
    look, found = tile.window.area**0.5, claim_marks(tile, Findings(tuple(see(tile.window))))
    sides = [(m, m.body.area**0.5 / look) for m in found if m.label in sizes and isinstance(m.body, Box)]
    return sum(m.score or 0.0 for m, side in sides if sizes[m.label][0] <= side <= sizes[m.label][1])


def overview(tiles: Sequence[Tile]) -> Box:
    """The part of the image that the tiles answer for together."""
    sides = list(zip(*(t.core.xyxy for t in tiles), strict=True))
    return Box(min(sides[0]), min(sides[1]), max(sides[2]), max(sides[3]))


def put_question(
    question: Question, by: Task | None, wh: Size, windows: Mapping[str, float], most: int | None = None
) -> Question:
    """The question the model is asked for this one: `by` another task whose marks answer it, if there is one. A number of
    objects is not asked of several looks, which would count some twice: boxes are. `most`: the pixels by which the image of
    (width, height) is cut; None where a dense head says how."""
    looks = plan_looks(wh, question, windows, lambda _: plan_by_size(wh, most) if most else (whole_tile(wh),))
    if by or (len(looks) > 1 and not question.task.has_marks):
        return replace(question, task=by or Task.COUNT_AND_BOX)
    return question


def expected_marks(proposals: Sequence[Proposal], question: Question, frame: Frame) -> tuple[Mark, ...]:
    """Rough boxes with scores, in pixels of the frame's image, of what the dense head is sure enough to see of the asked
    labels."""
    sure = [p for p in proposals if p.score >= SURE and p.label in question.labels]
    marks = (Mark("p", Box(*map(float, p.numbers)), p.label, score=p.score) for p in sure)
    return frame.to_image(Findings(tuple(marks))).marks
