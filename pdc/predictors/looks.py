"""One image, one question, one or several looks: the whole image, or tiles where its content asks for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pdc.confidence import count_distribution, partial, with_scores
from pdc.decoding import Decoder
from pdc.domain import Box, Findings, Mark, Question
from pdc.geometry import without_duplicates
from pdc.tasks import parse
from pdc.tiling import Tile, plan

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

    from pdc.decoding.line import Line
    from pdc.decoding.seen import Seen
    from pdc.qwen import Frame, Qwen

SURE = 0.3  # a proposal of the dense head counts from this score when tiles are planned


@dataclass(frozen=True, slots=True)
class Look:
    """A tile of the image, what the model saw there, and its answer in the making."""

    tile: Tile
    frame: Frame
    seen: Seen
    line: Line

    def so_far(self, qwen: Qwen) -> Findings:
        """The marks written out so far, in pixels of the tile's window."""
        marks = partial(self.line.question, self.line.decoded(), qwen.prompt_style)
        return self.frame.to_image(without_duplicates(marks))

    def answer(self, qwen: Qwen) -> Findings:
        """The whole answer, in pixels of the tile's window; Unreadable when it cannot be read."""
        question, decoded, style = self.line.question, self.line.decoded(), qwen.prompt_style
        scored = with_scores(parse(question, decoded.text, style), question, decoded, style)
        return self.frame.to_image(without_duplicates(scored))

    def counts(self, qwen: Qwen) -> Mapping[str, Mapping[int, float]]:
        """Per label the probability of each count, as `Answer.counts`."""
        return count_distribution(self.line.question, self.line.decoded(), qwen.prompt_style)


def looks_at(decoder: Decoder, image: PilImage, question: Question) -> list[Look]:
    """Looks whose tiles cover the image; a single one when the model has no dense head to tell what an image holds."""
    seen: dict[Box, Seen] = {}

    def look(window: Box) -> Seen:
        if window not in seen:
            seen[window] = decoder.see(_cut(image, window))
        return seen[window]

    def propose(window: Box) -> list[Box]:
        sure = [p for p in look(window).proposals if p.score >= SURE and p.label in question.labels]
        marks = tuple(Mark("p", Box(*map(float, p.numbers)), p.label) for p in sure)
        found = _frame(decoder, window).to_image(Findings(marks))
        return [m.shape for m in found.marks if isinstance(m.shape, Box)]

    whole = Box(0, 0, *image.size)
    tiles = plan(image.size, propose) if decoder.qwen.head else (Tile(whole, whole),)
    return [Look(t, _frame(decoder, t.window), look(t.window), decoder.line(look(t.window), question)) for t in tiles]


def raw_of(looks: Sequence[Look]) -> str:
    """The model's words; with several looks one line each, after the window in image pixels."""
    if len(looks) == 1:
        return looks[0].line.decoded().text
    return "\n".join(f"{list(map(int, k.tile.window.xyxy))} {k.line.decoded().text}" for k in looks)


def _frame(decoder: Decoder, window: Box) -> Frame:
    return decoder.qwen.frame(round(window.width), round(window.height))


def _cut(image: PilImage, window: Box) -> PilImage:
    box = tuple(round(v) for v in window.xyxy)
    return image if box == (0, 0, *image.size) else image.crop(box)
