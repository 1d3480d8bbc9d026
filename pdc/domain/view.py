"""What the 8-bit picture that the model sees shows of an image's file, which may hold more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pdc.domain.message import Message, joined

SEEN = {
    "black": "This image is almost black: hardly anything can be seen in it.",
    "one grey": "This image is almost one colour: hardly anything can be seen in it.",
    "labels": "This looks like a label image (numbers of objects, not brightness): use the picture that it belongs to.",
}


@dataclass(frozen=True, slots=True)
class View:
    """The brightness from `low` (black) to `high` (white) is shown; None where 8 bits are shown as they are.

    `white` is the greatest whole number that the file could hold, None for fractions. `channel`, from 0, is the one shown of
    `channels`; None for colours. `looks` is a key of SEEN, for a picture in which little can be seen. `raw` names the file's own
    numbers, where these are kept. `mm_per_pixel` is the size of a pixel that the file names; None: it names none.
    """

    low: float | None = None
    high: float | None = None
    white: int | None = None
    channel: int | None = None
    channels: int = 1
    looks: str | None = None
    raw: str | None = None
    mm_per_pixel: float | None = None

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> View:
        """From JSON; what a later version adds is left out."""
        return cls(**{name: stored[name] for name in cls.__dataclass_fields__ if name in stored})

    def stored(self) -> dict[str, Any]:
        """As JSON, without what is as usual."""
        usual = View()
        return {name: value for name, value in asdict(self).items() if value != getattr(usual, name)}

    @property
    def warning(self) -> Message | None:
        """That little can be seen; None where all is well."""
        return Message(SEEN[self.looks]) if self.looks in SEEN else None

    @property
    def words(self) -> Message | None:
        """What the model was shown of the file; None where that was all."""
        return joined(filter(None, (self._channel_words(), self._window_words()))) or None

    def _channel_words(self) -> Message | None:
        if self.channel is None or self.channels < 2:
            return None
        return Message("The model saw channel {n} of {all}.", n=self.channel + 1, all=self.channels)

    def _window_words(self) -> Message | None:
        if self.low is None or self.high is None or (self.low, self.high, self.white) == (0, 255, 255):
            return None
        low, high = f"{self.low:.6g}", f"{self.high:.6g}"
        if self.white is None:
            return Message("The model saw brightness {low} to {high}.", low=low, high=high)
        return Message("The model saw brightness {low} to {high} of {white}.", low=low, high=high, white=self.white)
