"""Baselines that do not use the image, as SURE-VQA asks for them (Kahl et al. 2025, arXiv 2411.19688): what a guess is worth.

Exchanged   each question gets the answer to the same question about the next image, its marks scaled to this one's size. No
            model is asked again: it is what the model knows of such images, without seeing this one.
Grey        the question is asked about an even grey image.
Gain        the candidate's score minus that of the exchanged answers, over the same draws of images.

Only questions that are asked about several images are taken, since one image has none to be exchanged with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from finetune.data.dataset import Row
from finetune.data.unjudged import without_unjudged
from finetune.evaluate.bootstrap import Estimate
from finetune.evaluate.metrics import ScoredAnswer, change, score
from pdc.domain.doubt import Thresholds, with_doubts
from pdc.domain.geometry import Size, rescale
from pdc.domain.values import Findings, Question
from pdc.inference.predictors.base import Predictor

GREY = 128
GREY_WH = (320, 240)
MOST_QUESTIONS = 8  # that are asked about grey
NONE_BELOW: Thresholds = {}


@dataclass(frozen=True, slots=True)
class ImageFree:
    """The score of answers to `images` images that were given without them, and what the image gains. `grey` is None where
    too many different questions are asked."""

    images: int
    exchanged: Estimate
    gain: Estimate
    grey: Estimate | None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def image_free(
    predictor: Predictor, rows: Sequence[Row], cases: Sequence[ScoredAnswer], below: Thresholds = NONE_BELOW
) -> ImageFree | None:
    """`cases` are the answers to `rows`, in their order; `below` hides marks as it did in them. None where no question is asked
    about two images."""
    sizes = [(row.width, row.height) for row in rows]
    pairs = exchanges(cases)
    real = [cases[i] for i, _ in pairs]
    others = [_answered(cases[j].predicted, cases[i], sizes[j], sizes[i]) for i, j in pairs]
    exchanged, gain = score(others), change(others, real)
    if exchanged is None or gain is None:
        return None
    grey = _grey(predictor, [(cases[i], sizes[i]) for i, _ in pairs], below)
    return ImageFree(len({case.image for case in real}), exchanged, gain, grey)


def exchanges(cases: Sequence[ScoredAnswer]) -> list[tuple[int, int]]:
    """(a case, the one whose answer it gets): the next of the same question about another image, around in a circle."""
    alike: dict[Question, list[int]] = {}
    for i, case in enumerate(cases):
        alike.setdefault(case.question, []).append(i)
    around = (pair for some in alike.values() for pair in zip(some, [*some[1:], some[0]], strict=True))
    return sorted((i, j) for i, j in around if cases[i].image != cases[j].image)


def _answered(said: Findings | None, about: ScoredAnswer, wh: Size, new: Size) -> ScoredAnswer:
    """The question with another image's answer, of (width, height) `wh`; its own image is `new`."""
    if said is None:
        return replace(about, predicted=None)
    marks = tuple(replace(m, shape=rescale(m.shape, wh, new), extent=None, outline=()) for m in said.marks)
    return replace(about, predicted=without_unjudged(replace(said, marks=marks), about.true))


def _grey(predictor: Predictor, asked: Sequence[tuple[ScoredAnswer, Size]], below: Thresholds) -> Estimate | None:
    from PIL import Image

    questions = list(dict.fromkeys(case.question for case, _ in asked))
    if len(questions) > MOST_QUESTIONS:
        return None
    grey = Image.new("RGB", GREY_WH, (GREY, GREY, GREY))
    found = {q: predictor.predict(grey, q).findings for q in questions}
    said = {q: f and with_doubts(f, below) for q, f in found.items()}
    return score([_answered(said[case.question], case, GREY_WH, wh) for case, wh in asked])
