"""The box that fits an object: what detector, colour and hand say of it, joined by the label's rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from pdc.domain.geometry import clip, iou
from pdc.domain.values import Box, Outline, Point
from pdc.inference.experts.registry import NOBODY, Experts
from pdc.inference.fitting.rules import UNMEASURED, Rule, Rules, Way

if TYPE_CHECKING:
    import numpy as np

    from pdc.inference.fitting.detector import Look

LEAST_SIDE = 6.0  # pixels: smaller boxes are better left as a hand drew them
SAME_OBJECT = 0.35  # IoU of a rough box and the fitted one: with less it is another object
AROUND = 0.15  # IoU of a box of the usual size around a click, and the object there
AGREE = 0.5  # IoU from which on two ways found the same object
SURE = 0.8  # IoU with the detector's box from which on the colour's is taken as it is


@runtime_checkable
class Proposing(Protocol):
    """An expert that says a box at every place."""

    def propose(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As `Look`."""
        ...


class Wish(StrEnum):
    """Why a box is fitted: it was just DRAWN, the reader ASKED for this one, or it is the model's and all LOOSE ones are asked
    for."""

    DRAWN = "drawn"
    ASKED = "asked"
    LOOSE = "loose"


@dataclass(frozen=True, slots=True)
class Fitted:
    """The box that fits an object, and its outline where one is known; in pixels of the image."""

    box: Box
    outline: Outline = ()


@dataclass(frozen=True, slots=True)
class Scene:
    """A uint8 RGB image [h, w, 3], the rule of a label, and how a detector sees it; None: none may be asked."""

    image: np.ndarray
    rule: Rule
    look: Look | None

    @property
    def wh(self) -> tuple[int, int]:
        return self.image.shape[1], self.image.shape[0]

    def fit(self, rough: Box, least: float = SAME_OBJECT) -> Fitted | None:
        """The object in a rough box; None where none is found, or none that overlaps it by an IoU of `least`."""
        found = self._by_colour(rough) if self.rule.by is Way.COLOUR else self._by_detector(rough)
        if found is None or iou(rough, found.box) < least:
            return None
        return Fitted(clip(found.box, self.wh), found.outline)

    def find(self, at: Point, usual: Box | None) -> Fitted | None:
        """The object under a click; `usual` is a box of the label's usual size there, None where no size is usual."""
        found = self._clicked_by_colour(at, usual) if self.rule.by is Way.COLOUR else self._clicked(at, usual)
        return found if found and _holds(found.box, at) else None

    def _clicked(self, at: Point, usual: Box | None) -> Fitted | None:
        rough = self._under(at, usual)
        return self.fit(rough) if rough else None

    def _clicked_by_colour(self, at: Point, usual: Box | None) -> Fitted | None:
        """By colour alone, where the detector sees an object, else around the click: nobody drew a box that is worth anything."""
        alone, rough = replace(self, rule=replace(self.rule, shares=())), self._under(at, usual) or usual
        found = alone.fit(rough, AROUND) if rough else None
        return (alone.fit(found.box) or found) if found and rough is usual else found

    def _under(self, at: Point, usual: Box | None) -> Box | None:
        """A rough box of the object under a click, by the detector."""
        if self.look is None or not self.rule.shares:
            return usual
        from pdc.inference.fitting.detector import guessed_sides, under_click

        sides = (max(usual.width, usual.height),) if usual else guessed_sides(self.wh)
        return under_click(self.look, self.image, at, sides, self.rule.shares[0])

    def _by_detector(self, rough: Box) -> Fitted | None:
        seen = self._detected(rough)
        if seen is None:
            return None
        colour = _coloured(self.image, rough) if self.rule.colour else None
        others = [(rough, self.rule.rough)] + ([(colour.box, self.rule.colour)] if colour else [])
        return Fitted(_mean([(seen, 1.0), *((box, weight) for box, weight in others if iou(seen, box) >= AGREE)]))

    def _by_colour(self, rough: Box) -> Fitted | None:
        """The colour's own box where the detector, if it is asked, sees the object there too; else what all say on average."""
        found, seen = _coloured(self.image, rough), self._detected(rough)
        if seen is None:
            return found
        if found and iou(found.box, seen) >= SURE:
            return found
        return Fitted(_mean([(rough, 1.0), (seen, 1.0), *([(found.box, 1.0)] if found else [])]))

    def _detected(self, rough: Box) -> Box | None:
        if self.look is None or not self.rule.shares:
            return None
        from pdc.inference.fitting.detector import by_detector

        return by_detector(self.look, self.image, rough, self.rule.shares)


class Fitter:
    """Fits boxes by the rules of a model's folder and the detectors beside the model. From any thread.

    `word` gives the model's word for a label here, `learnt` the rule of a label for which the folder has none.
    """

    def __init__(
        self,
        rules: Rules,
        experts: Experts = NOBODY,
        word: Callable[[str], str] = str,
        learnt: Callable[[str], Rule] = lambda label: UNMEASURED,
    ) -> None:
        self.rules, self.experts, self.word, self.learnt = rules, experts, word, learnt

    def rule(self, label: str) -> Rule:
        return self.rules.get(self.word(label)) or self.learnt(label)

    def fit(self, image: np.ndarray, label: str, rough: Box, wish: Wish, *, unaided: bool = False) -> Fitted | None:
        """The object in a rough box of a uint8 RGB image [h, w, 3]; None where none is found, or none is to be looked for.

        `unaided`: no detector may be asked.
        """
        rule = self.rule(label)
        if not _allowed(rule, wish) or min(rough.width, rough.height) < LEAST_SIDE:
            return None
        found = self._scene(image, label, unaided).fit(rough)
        return None if found and wish is Wish.LOOSE and moved(rough, found.box) <= rule.loose else found

    def find(self, image: np.ndarray, label: str, at: Point, usual: Box | None, *, unaided: bool = False) -> Fitted | None:
        """The object under a click; `usual` is a box of the label's usual size there, None where no size is usual."""
        small = usual is not None and min(usual.width, usual.height) < LEAST_SIDE
        return self._scene(image, label, unaided).find(at, usual) if self.rule(label).click and not small else None

    def _scene(self, image: np.ndarray, label: str, unaided: bool) -> Scene:
        return Scene(image, self.rule(label), None if unaided else look_of(self.experts))


def look_of(experts: Experts) -> Look | None:
    """How the first detector that says a box everywhere sees an image; None where there is none."""
    every = (experts.expert(manifest) for manifest in experts.manifests)
    return next((expert.propose for expert in every if isinstance(expert, Proposing)), None)


def _allowed(rule: Rule, wish: Wish) -> bool:
    return rule.by is not Way.OFF and (wish is Wish.ASKED or (rule.release if wish is Wish.DRAWN else rule.loose > 0))


def moved(box: Box, to: Box) -> float:
    """How far the edge goes that moves most, as a share of its side."""
    steps = (abs(b - a) for a, b in zip(box.xyxy, to.xyxy, strict=True))
    return max(step / side for step, side in zip(steps, (box.width, box.height) * 2, strict=True))


def _coloured(image: np.ndarray, rough: Box) -> Fitted | None:
    from pdc.inference.fitting.colour import by_colour

    found = by_colour(image, rough)
    return found and Fitted(*found)


def _mean(boxes: list[tuple[Box, float]]) -> Box:
    """The weighted mean, side by side."""
    whole = sum(weight for _, weight in boxes)
    return Box(*(sum(weight * box.xyxy[side] for box, weight in boxes) / whole for side in range(4)))


def _holds(box: Box, at: Point) -> bool:
    return box.x1 <= at.x <= box.x2 and box.y1 <= at.y <= box.y2
