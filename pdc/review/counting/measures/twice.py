"""What was counted twice: the replicates of signed samples, and images that a reader was given again without being told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from pdc.counting.readers.pairs import Pair
from pdc.counting.sheet import Sheet, SheetStatus, as_kept
from pdc.counting.verdict import Verdict
from pdc.domain.values import Question
from pdc.review.agreement.reports import Reports
from pdc.review.counting.sheets import CountSheets
from pdc.store.counting.records import KeptSheet
from pdc.store.reading.records import Read

AGREEMENT = "agreement"  # the rule of a verdict that compares replicates


class ReadTwice:
    """Pairs of counts that a user may see: those they are one side of, or all. Of a sample only once its sheet is signed."""

    def __init__(self, counts: CountSheets, reports: Reports) -> None:
        self.counts, self.reports = counts, reports
        self._pairs: dict[str, Pair | None] = {}  # of a kept sheet, which never changes, by its id

    def replicates(self, user: str | None) -> list[Pair]:
        """The first two replicates of each signed sample whose replicates were compared, oldest first."""
        found = [pair for kept in self._signed(user) if (pair := self._pair(kept)) is not None]
        return sorted(self._own(found, user), key=lambda p: p.at)

    def again(self, user: str | None) -> list[Pair]:
        """Each count of an image that a reader was given again, beside the one before, oldest first."""
        return sorted(self._own(list(_rereads(self.reports.visible(user))), user), key=lambda p: p.at)

    def _signed(self, user: str | None) -> Iterator[KeptSheet]:
        """The newest of each session that the user may see."""
        for session in self.counts.sessions(user):
            yield from [k for k in self.counts.store.count_sheets(session.id) if k.status != SheetStatus.DRAFT][-1:]

    def _pair(self, kept: KeptSheet) -> Pair | None:
        if kept.id not in self._pairs:
            self._pairs[kept.id] = _pair(as_kept(kept.text))
        return self._pairs[kept.id]

    def _own(self, pairs: Sequence[Pair], user: str | None) -> Sequence[Pair]:
        if user is None or self.reports.sees_all(user):
            return pairs
        return [p for p in pairs if user in p.readers]


def _pair(sheet: Sheet) -> Pair | None:
    """None where the replicates were not compared: there is one, or they are of unlike size."""
    told = [o.verdict for o in sheet.outcomes if o.rule == AGREEMENT]
    if not told or len(sheet.sample.replicates) < 2:
        return None
    classes = sheet.protocol.replicates.of or sheet.protocol.target.of
    one, other = sheet.sample.replicates[:2]
    counts = one.of(classes), other.of(classes)
    return Pair(sheet.heading.sample, sheet.heading.made_at, (one.reader, other.reader), counts, told[0] is Verdict.VALID)


def _rereads(reads: Iterable[Read]) -> Iterator[Pair]:
    own: dict[tuple[str, str, Question], list[Read]] = {}
    for read in sorted(reads, key=lambda r: r.turn):
        own.setdefault((read.review.author, read.review.image_sha256, read.review.question), []).append(read)
    for (reader, sha256, question), turns in own.items():
        for one, other in pairwise(turns):
            counts = one.review.findings.count(question.task), other.review.findings.count(question.task)
            yield Pair(sha256[:12], other.review.created_at, (reader, reader), counts)
