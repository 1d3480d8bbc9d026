"""What becomes of an image that text is burned into, before it is stored: asked about, painted over, refused or kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from pdc.domain.errors import BadImage
from pdc.domain.message import Message
from pdc.domain.values import Box
from pdc.images.burned_in.finder import FINDER, NotLookedThrough
from pdc.images.burned_in.painting import painted
from pdc.images.intake import Accepted

FOUND = "Text that may say who somebody is stands in this image (places: {n}). Nothing was stored; say whether to paint it over."
REFUSED = "Text that may say who somebody is stands in this image (places: {n}), and such images are refused here."
PAINTED = "Text in this image was painted over (places: {n})."


class Action(StrEnum):
    ASK = "ask"
    PAINT = "paint"
    REFUSE = "refuse"
    KEEP = "keep"


class TextInImage(BadImage):
    """Text is burned into the image, and nobody has said yet what is to become of it. `picture` is the PNG with it."""

    def __init__(self, boxes: tuple[Box, ...], accepted: Accepted) -> None:
        super().__init__(FOUND, n=len(boxes))
        self.boxes, self.accepted = boxes, accepted


@dataclass(frozen=True, slots=True)
class Passed:
    """An image that may be stored, with notes on what was done; `boxes` had text in them, which was `painted` over or kept."""

    image: Accepted
    boxes: tuple[Box, ...] = ()
    painted: bool = False
    notes: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class TextRule:
    """What is done where text is found; with KEEP nothing is looked through. With `any_text` scale bars count too."""

    action: Action = Action.KEEP
    any_text: bool = False
    answer: Action | None = None
    """what a reader said once, of many images"""
    find: Callable[..., tuple[Box, ...]] = FINDER.boxes

    def passed(self, accepted: Accepted, choice: Action | None = None) -> Passed:
        """The image as it may be stored. `choice` is what a reader says where they are asked: PAINT or KEEP.

        TextInImage where nobody has said it yet, BadImage where such images are refused, or may not go unlooked."""
        if self.action is Action.KEEP:
            return Passed(accepted)
        try:
            boxes = self.find(accepted.png, accepted.sha256, (accepted.width, accepted.height), any_text=self.any_text)
        except NotLookedThrough as error:
            if self.action is Action.ASK:
                return Passed(accepted, notes=(error.message,))
            raise BadImage(error.message) from None
        return self._decided(accepted, boxes, choice or self.answer) if boxes else Passed(accepted)

    def chosen(self, choice: Action | None) -> TextRule:
        """The rule of a reader who is asked once for many images."""
        return replace(self, answer=choice)

    def _decided(self, accepted: Accepted, boxes: tuple[Box, ...], choice: Action | None) -> Passed:
        action = choice if self.action is Action.ASK and choice else self.action
        if action is Action.PAINT:
            return Passed(painted(accepted, boxes), boxes, True, (Message(PAINTED, n=len(boxes)),))
        if action is Action.KEEP:
            return Passed(accepted, boxes)
        if action is Action.ASK:
            raise TextInImage(boxes, accepted)
        raise BadImage(REFUSED, n=len(boxes))


def text_rule_of(action: str, any_text: bool) -> TextRule:
    """The rule as the settings say it."""
    return TextRule(Action(action), any_text)
