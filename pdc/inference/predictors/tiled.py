"""One image, one question, one or several looks: the whole image, or tiles where its content asks for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pdc.domain.doubt import Thresholds, with_doubts
from pdc.domain.errors import Unreadable
from pdc.domain.geometry import Size
from pdc.domain.matching import without_duplicates
from pdc.domain.prompts import as_task, parse, shown_smaller
from pdc.domain.values import Box, Findings, Mark, Question, Task
from pdc.inference.decoding import Decoder
from pdc.inference.decoding.confidence import count_distribution, cut_findings, partial_findings, with_scores
from pdc.inference.predictors.base import Answer
from pdc.inference.predictors.tiling import Tile, merge_tiles, plan_by_size, plan_by_window, plan_tiles, whole_tile
from pdc.inference.types import Decoded, Proposal

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

    from pdc.inference.decoding.image_cache import EncodedImage
    from pdc.inference.decoding.sequence import DecodingSequence
    from pdc.inference.frame import Frame

MUCH_THE_SAME = 1.5  # times as large: windows in which labels are asked together
SURE = 0.3  # a proposal of the dense head counts from this score when tiles are planned


@dataclass(frozen=True, slots=True)
class TileRequest:
    """A tile of the image, encoded by the model, and its answer in the making."""

    tile: Tile
    frame: Frame
    encoded: EncodedImage
    sequence: DecodingSequence

    def answered(self) -> TileAnswer:
        return TileAnswer(self.tile, self.frame, self.sequence.decoded())


@dataclass(frozen=True, slots=True)
class TileAnswer:
    """A tile of the image and what was answered about it, by whichever model."""

    tile: Tile
    frame: Frame
    decoded: Decoded

    def so_far(self, question: Question, style: str) -> Findings:
        """The marks written out so far, in pixels of the tile's window."""
        return self.frame.to_image(without_duplicates(partial_findings(question, self.decoded, style)))

    def findings(self, question: Question, style: str) -> Findings:
        """The answer in pixels of the tile's window, of a cut one what is complete; Unreadable when it cannot be read."""
        if self.is_cut(question, style):
            return self.frame.to_image(without_duplicates(cut_findings(question, self.decoded, style)))
        scored = with_scores(parse(question, self.decoded.text, style), question, self.decoded, style)
        return self.frame.to_image(without_duplicates(scored))

    def is_cut(self, question: Question, style: str) -> bool:
        """Whether it ended at its longest length, before it was whole."""
        return not self.decoded.finished and not _is_whole(question, self.decoded.text, style)


@dataclass(frozen=True, slots=True)
class TiledQuestion:
    """A reader's question, how the model was asked it, and who was asked: the names and the style that an answer keeps, the
    scores below which its marks are doubtful, and the most pixels of a look that the model sees."""

    question: Question
    put: Question
    model: str
    adapter: str | None
    style: str
    thresholds: Thresholds = field(default_factory=dict)
    max_pixels: int | None = None
    short_of_memory: bool = False

    def about(self, tile: Tile) -> Question:
        """What the model is asked about a tile."""
        return about(tile, self.put)

    def so_far(self, looks: Sequence[TileAnswer]) -> Findings:
        """The marks written out so far, in pixels of the image."""
        return self._told([(k.tile, k.so_far(self.about(k.tile), self.style)) for k in looks])

    def answer(self, looks: Sequence[TileAnswer], seconds: float) -> Answer:
        """One answer out of the answers per tile; its findings are None when one of them cannot be read."""
        cut = any(k.is_cut(self.about(k.tile), self.style) for k in looks)
        counts = count_distribution(self.put, looks[0].decoded, self.style) if len(looks) == 1 and not cut else {}
        return Answer(
            self._found(looks, cut),
            _raw(looks),
            self.model,
            self.adapter,
            self.style,
            round(seconds, 3),
            counts,
            thresholds=self.thresholds,
            cut=cut,
            notes=(shown_smaller(self.max_pixels),) if self.short_of_memory else (),
            max_pixels=self.max_pixels,
            short_of_memory=self.short_of_memory,
        )

    def _found(self, looks: Sequence[TileAnswer], cut: bool) -> Findings | None:
        try:
            found = self._told([(k.tile, k.findings(self.about(k.tile), self.style)) for k in looks])
        except Unreadable:
            return None
        return _without_unsaid(found) if cut else found

    def _told(self, looks: Sequence[tuple[Tile, Findings]]) -> Findings:
        """What was found, its doubtful marks among it, as the reader's task states it."""
        return as_task(with_doubts(merge_tiles(looks), self.thresholds), self.put, self.question.task)


def plan_requests(decoder: Decoder, image: PilImage, question: Question) -> list[TileRequest]:
    """Looks whose tiles cover the image: by the size at which an asked label was learnt, else by what the dense head sees in
    the image, or by its size where there is no such head."""
    encoded: dict[Box, EncodedImage] = {}

    def look(window: Box) -> EncodedImage:
        if window not in encoded:
            encoded[window] = decoder.encode(crop(image, window))
        return encoded[window]

    def unlearnt(asked: Question) -> Sequence[Tile]:
        if not decoder.qwen.head:
            return plan_by_size(image.size, decoder.qwen.tile_pixels, asked.task.has_boxes)
        return plan_tiles(image.size, lambda w: expected_boxes(look(w).proposals, asked, _frame(decoder, w)))

    return [
        TileRequest(t, _frame(decoder, t.window), look(t.window), decoder.begin(look(t.window), about(t, question)))
        for t in plan_looks(image.size, question, decoder.qwen.windows, unlearnt)
    ]


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


def put_question(
    question: Question, lists: Task | None, wh: Size, windows: Mapping[str, float], most: int | None = None
) -> Question:
    """The question the model is asked for this one: by the task in which it lists everything, if there is one. A number of
    objects is not asked of several looks, which would count some twice: boxes are. `most`: the pixels by which the image of
    (width, height) is cut; None where a dense head says how."""
    looks = plan_looks(wh, question, windows, lambda _: plan_by_size(wh, most) if most else (whole_tile(wh),))
    if lists or (len(looks) > 1 and not question.task.has_marks):
        return replace(question, task=lists or Task.COUNT_AND_BOX)
    return question


def expected_boxes(proposals: Sequence[Proposal], question: Question, frame: Frame) -> list[Box]:
    """Rough boxes, in pixels of the frame's image, of what the dense head is sure enough to see of the asked labels."""
    sure = [p for p in proposals if p.score >= SURE and p.label in question.labels]
    found = frame.to_image(Findings(tuple(Mark("p", Box(*map(float, p.numbers)), p.label) for p in sure)))
    return [m.shape for m in found.marks if isinstance(m.shape, Box)]


def _is_whole(question: Question, text: str, style: str) -> bool:
    try:
        parse(question, text, style)
    except Unreadable:
        return False
    return True


def _without_unsaid(found: Findings) -> Findings | None:
    """A cut answer, incomplete and without the zeros of labels it did not come to; None where nothing is left: that is not
    "none"."""
    said = replace(found, stated={label: n for label, n in found.stated.items() if n or found.marks}, complete=False)
    return said if said.marks or said.stated else None


def _raw(looks: Sequence[TileAnswer]) -> str:
    """The model's words; with several looks one line each, after the window in image pixels."""
    if len(looks) == 1:
        return looks[0].decoded.text
    return "\n".join(f"{list(map(int, k.tile.window.xyxy))} {k.decoded.text}" for k in looks)


def _frame(decoder: Decoder, window: Box) -> Frame:
    return decoder.qwen.frame(round(window.width), round(window.height))


def crop(image: PilImage, window: Box) -> PilImage:
    """The window's part of the image, in whole pixels."""
    left, upper, right, lower = window.xyxy
    box = round(left), round(upper), round(right), round(lower)
    return image if box == (0, 0, *image.size) else image.crop(box)
