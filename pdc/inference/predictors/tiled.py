"""One image, one question, one or several looks: the whole image, or tiles where its content asks for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Protocol

from pdc.domain.certainty.counts import CountModels, count_chances
from pdc.domain.doubt import Thresholds, with_doubts
from pdc.domain.errors import Unreadable
from pdc.domain.matching import without_duplicates
from pdc.domain.prompts import as_task, parse, shown_smaller
from pdc.domain.values import Box, Findings, Likeness, Mark, Question
from pdc.inference.decoding import Decoder
from pdc.inference.decoding.confidence import chance_of_more, cut_findings, partial_findings, with_scores
from pdc.inference.predictors.base import Answer
from pdc.inference.predictors.looks import about, expected_marks, overview, plan_by_content, plan_looks
from pdc.inference.predictors.tiling import Tile, merge_tiles, plan_by_size
from pdc.inference.types import Decoded

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

    from pdc.inference.decoding.image_cache import EncodedImage
    from pdc.inference.decoding.sequence import DecodingSequence
    from pdc.inference.frame import Frame


class Look(Protocol):
    """A tile of the image, whoever looks at it."""

    @property
    def likeness(self) -> Likeness: ...


@dataclass(frozen=True, slots=True)
class TileRequest:
    """A tile of the image, encoded by the model, and its answer in the making; `likeness` is that of the whole image."""

    tile: Tile
    frame: Frame
    encoded: EncodedImage
    sequence: DecodingSequence
    likeness: Likeness = field(default_factory=dict)

    def answered(self) -> TileAnswer:
        return TileAnswer(self.tile, self.frame, self.sequence.decoded(), self.likeness)


@dataclass(frozen=True, slots=True)
class TileAnswer:
    """A tile of the image and what was answered about it, by whichever model; `likeness` is that of the whole image."""

    tile: Tile
    frame: Frame
    decoded: Decoded
    likeness: Likeness = field(default_factory=dict)

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
    scores below which its marks are doubtful, the most pixels of a look that the model sees, and what its counts are worth."""

    question: Question
    put: Question
    model: str
    adapter: str | None
    style: str
    thresholds: Thresholds = field(default_factory=dict)
    max_pixels: int | None = None
    short_of_memory: bool = False
    count_models: CountModels = field(default_factory=dict)

    def about(self, tile: Tile) -> Question:
        """What the model is asked about a tile."""
        return about(tile, self.put)

    def so_far(self, looks: Sequence[TileAnswer]) -> Findings:
        """The marks written out so far, in pixels of the image."""
        return self._told(merge_tiles([(k.tile, k.so_far(self.about(k.tile), self.style)) for k in looks]))

    def answer(self, looks: Sequence[TileAnswer], seconds: float) -> Answer:
        """One answer out of the answers per tile; its findings are None when one of them cannot be read."""
        cut = any(k.is_cut(self.about(k.tile), self.style) for k in looks)
        merged = self._merged(looks)
        more = {} if cut or merged is None else self._more(looks)
        return Answer(
            merged and self._found(merged, cut),
            _raw(looks),
            self.model,
            self.adapter,
            self.style,
            round(seconds, 3),
            count_chances(merged.marks if merged else (), more, self.count_models),
            thresholds=self.thresholds,
            cut=cut,
            notes=(shown_smaller(self.max_pixels),) if self.short_of_memory else (),
            max_pixels=self.max_pixels,
            short_of_memory=self.short_of_memory,
            more=more,
            count_models=self.count_models,
            likeness=self.likeness(looks),
        )

    def likeness(self, looks: Sequence[Look]) -> Likeness:
        """How the image compares with the model's training images of each asked label, where that is known."""
        known = looks[0].likeness if looks else {}
        return {label: known[label] for label in self.question.labels if label in known}

    def _merged(self, looks: Sequence[TileAnswer]) -> Findings | None:
        """What all looks found, as the model was asked; None when one of them cannot be read."""
        try:
            return merge_tiles([(k.tile, k.findings(self.about(k.tile), self.style)) for k in looks])
        except Unreadable:
            return None

    def _more(self, looks: Sequence[TileAnswer]) -> dict[str, float]:
        """Per label the probability that its list goes on, summed over the looks that were asked for it, if all of them tell."""
        more: dict[str, float] = {}
        silent: set[str] = set()
        for k in looks:
            asked = self.about(k.tile)
            told = chance_of_more(asked, k.decoded, self.style)
            silent.update(label for label in asked.labels if label not in told)
            more |= {label: more.get(label, 0.0) + p for label, p in told.items()}
        return {label: round(p, 4) for label, p in more.items() if label not in silent}

    def _found(self, merged: Findings, cut: bool) -> Findings | None:
        found = self._told(merged)
        return _without_unsaid(found) if cut else found

    def _told(self, merged: Findings) -> Findings:
        """What was found, its doubtful marks among it, as the reader's task states it."""
        return as_task(with_doubts(merged, self.thresholds), self.put, self.question.task)


def plan_requests(decoder: Decoder, image: PilImage, question: Question) -> list[TileRequest]:
    """Looks whose tiles cover the image: by the size at which an asked label was learnt, else by what the dense head sees in
    the image, or by its size where there is no such head."""
    encoded: dict[Box, EncodedImage] = {}
    seen: set[Box] = set()

    def look(window: Box) -> EncodedImage:
        if window not in encoded:
            encoded[window] = decoder.encode(crop(image, window))
        return encoded[window]

    def unlearnt(asked: Question) -> Sequence[Tile]:
        if not (head := decoder.qwen.head):
            return plan_by_size(image.size, decoder.qwen.tile_pixels, asked.task.has_boxes)

        @cache
        def see(window: Box) -> Sequence[Mark]:
            seen.add(window)
            return expected_marks(decoder.proposals(crop(image, window)), asked, _frame(decoder, window))

        return plan_by_content(image, asked, head.labels, see, decoder.qwen.sizes)

    def request(tile: Tile) -> TileRequest:
        sequence = decoder.begin(look(tile.window), about(tile, question))
        return TileRequest(tile, _frame(decoder, tile.window), look(tile.window), sequence, likeness)

    tiles = plan_looks(image.size, question, decoder.qwen.windows, unlearnt)
    whole = overview(tiles)
    likeness = decoder.qwen.likeness(decoder.see(crop(image, whole)).features) if whole in seen else {}
    return [request(tile) for tile in tiles]


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
