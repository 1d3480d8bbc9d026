"""Which part of the report of agreement each user may see, worked out anew only where there are new reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from pdc.review.agreement.report import Finished, Report, report_of
from pdc.review.reading.reads import Reads
from pdc.store.reading.records import Read

Key = tuple[str, ...]


class Reports:
    """`sees_all` says who may see everybody's numbers; other readers see those that they are one side of. Any thread.

    Nobody sees numbers of an image that they still read themselves: until its consensus is made they may change their read. Nor
    of images given to them again, while there are more of these to come: nothing tells a reader that there are.
    """

    def __init__(self, reads: Reads, sees_all: Callable[[str], bool] = lambda user: False) -> None:
        self.reads, self.sees_all = reads, sees_all
        self._kept: dict[str, tuple[Key, Report]] = {}

    def of(self, user: str | None) -> Report:
        """What this user may see; None: whoever runs PDC, who sees everything."""
        found = list(self.visible(user))
        only = None if user is None or self.sees_all(user) else user
        key = only or "", *(read.review.id for read in found)
        kept = self._kept.get(user or "")
        if kept is None or kept[0] != key:
            kept = key, report_of(self._finished(found), only)
            self._kept[user or ""] = kept
        return kept[1]

    def visible(self, user: str | None) -> Iterator[Read]:
        """The reads whose numbers this user may see, of whomever."""
        own = self.reads.parts(user) if user is not None else {}
        found = [read for read in self.reads.all_reads() if read.review.image_sha256 not in own]
        again = user is not None and any(task.given.turn > 1 for task in self.reads.open_reads(user))
        return (read for read in found if not (again and read.turn > 1 and read.review.author == user))

    def _finished(self, reads: Sequence[Read]) -> Iterator[Finished]:
        images = self.reads.store.images_by_sha(list({read.review.image_sha256 for read in reads}))
        for read in reads:
            review = read.review
            yield Finished(images[review.image_sha256], review.question, review.author, review.findings, read.turn)
