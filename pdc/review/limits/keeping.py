"""What a visitor of a Space is told of what is kept, for how long and for whom."""

from __future__ import annotations

from pdc.domain.message import Message, joined

LASTING = "Your images and marks are kept on this Space. The images are removed {days} days after your last visit."
FLEETING = (
    "Your images and marks are kept until this Space restarts, and the images at most until {days} days after your last visit."
)
ALWAYS = Message("Your images and marks are kept on this Space.")
RESTART = Message("Your images and marks are kept until this Space restarts.")
OTHERS = Message(
    "Other visitors do not see them; whoever runs this Space can, and may let the model learn from them. "
    "Upload nothing that names a patient."
)


def kept(days: int, *, lasts: bool) -> Message:
    """In a few sentences. `days` after the last visit images go, 0: never; `lasts`: the disk outlives a restart."""
    if not days:
        return joined([ALWAYS if lasts else RESTART, OTHERS])
    return joined([Message(LASTING if lasts else FLEETING, days=days), OTHERS])


KEPT = kept(0, lasts=True)
