"""What a reader may be told. The text of each is a sentence: what is wrong, and what to do about it."""

import re

from pdc.domain.message import Message

LONGEST = 300  # characters of another library's sentence that are shown


class PdcError(Exception):
    """Something the user can understand and act on; every other exception is a fault of ours.

    `message` is its sentence, with fields: `BadImage("The image has {n} pixels.", n=3)`. str() is the same in English.
    """

    def __init__(self, text: str, /, **fields: object) -> None:
        self.message = text if isinstance(text, Message) else Message(text, **fields)
        super().__init__(self.message)


class BadImage(PdcError):
    """The file is not an image we can read safely."""


class BadQuestion(PdcError):
    """The task or a label cannot be asked."""


class BadSetting(PdcError):
    """A setting or an argument has a value we cannot use."""


class TooManyTries(PdcError):
    """A password was wrong too often; it may be tried again later."""


class Busy(PdcError):
    """Too many others wait for the same thing; it may be asked for again."""


class OutOfMemory(PdcError):
    """The machine has too little memory for this question, even with a smaller image."""


class BadModel(PdcError):
    """The model or the adapter is missing, damaged, or does not fit."""


class Unreadable(PdcError):
    """The model's answer does not follow the schema."""


class Unreachable(PdcError):
    """The model server does not answer; asking again may help."""


class StaleSave(PdcError):
    """Somebody saved this image after the draft was opened."""


class Signed(PdcError):
    """The review is signed, and closed until somebody re-opens it with a reason."""


class SeveralReaders(PdcError):
    """The image is read by several readers, and this reader's part in that does not allow it."""


class ReadFirst(PdcError):
    """Blind reading is on, and this reader has not saved a read of their own yet."""


class StillAnswering(PdcError):
    """The model is not done with this image: what is on the screen is a part of its answer."""


class StoreUnavailable(PdcError):
    """The database or the disk refused to take a write."""


class DiskFull(StoreUnavailable):
    """The disk has too little room left for what was to be written."""


class QuotaReached(PdcError):
    """A visitor of a public Space has had their share."""


class Forbidden(PdcError):
    """Not for visitors of a public Space."""


class NotFound(PdcError):
    """There is no such image, prediction, review, adapter or run."""


class OpenElsewhere(PdcError):
    """Other readers have every image open that is left to do."""


def first_sentence(error: Exception) -> str:
    """What another library says, as one whole sentence: its first, or the error's kind where that is too long to show."""
    text = " ".join(str(error).split())
    sentence = re.split(r"(?<=[.!?]) (?=[A-Z])", text)[0]
    if " " not in sentence or len(sentence) > LONGEST:
        return f"The library refused it with {type(error).__name__}; the log has its words."
    return sentence if sentence[-1] in ".!?" else f"{sentence}."
