"""What the decoder says about a file: notes on what was changed, and refusals."""

from __future__ import annotations

from typing import Any

Note = tuple[str, dict[str, Any]]
"""A sentence for a reader, as `pdc.domain.message.Message` wants it: the text and the fields that fill it in."""


def note(text: str, **fields: object) -> Note:
    return text, fields


class Refused(Exception):
    """One sentence, as a `Note`: what is wrong with the file and what to do."""

    def __init__(self, text: str, **fields: object) -> None:
        super().__init__(text.format(**fields) if fields else text)
        self.note = (text, fields)


def cut_off() -> Refused:
    return Refused("The image is cut off before its end; copy or export it again.")
