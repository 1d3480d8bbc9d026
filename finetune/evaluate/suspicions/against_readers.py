"""Readers beside each other: what each makes of the same model's marks, and what two say about one image or near copies of it.

A reader's share of relabelled or removed marks is compared with the other readers' by Fisher's exact test, one-sided. For two
readers of the same images, or of near copies, the shares of the labels among their marks are compared, and the numbers of marks
where both show the same whole: over all images, and image by image. Marks of one image count for less than independent ones
(`tails.design_effect`). Pure.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product

from finetune.evaluate.suspicions.reads import Fate, Read
from finetune.evaluate.suspicions.suspicion import Kind, Suspicion, most_first
from finetune.evaluate.suspicions.tails import at_least, binomial_tail, design_effect, scaled_fisher
from pdc.domain.values import Copies
from pdc.spool import Groups, Once, Spool

ENOUGH = 20  # marks of others, below which they say too little
MORE = 0.6  # of the marks of both readers together: what one of two honest ones may have
SHORT = 0.75  # of the other reader's marks: fewer are too few for one image
HONEST = 0.3  # the chance of that in an image of two honest readers

DEEDS = (Kind.RELABELLED_UNLIKE_OTHERS, Kind.REMOVED_UNLIKE_OTHERS)


@dataclass(frozen=True, slots=True)
class SamePicture:
    """What two readers left on one image, or on near copies: for each label that both were asked for, the numbers of their marks.
    `whole`: neither is a part of the other, so that counts can be compared."""

    readers: tuple[str, str]
    images: tuple[str, str]
    counts: Mapping[str, tuple[int, int]]
    whole: bool

    @classmethod
    def of(cls, one: Read, other: Read, whole: bool) -> SamePicture:
        common = set(one.labels) & set(other.labels) if one.complete and other.complete else set[str]()
        marked = [Counter(m.label for m in read.reviewed.marks if m.counts) for read in (one, other)]
        counts = {label: (marked[0][label], marked[1][label]) for label in common}
        return cls((one.reader, other.reader), (one.image, other.image), counts, whole)

    def turned(self) -> SamePicture:
        """Seen from the other reader."""
        (one, other), (here, there) = self.readers, self.images
        return SamePicture((other, one), (there, here), {n: (b, a) for n, (a, b) in self.counts.items()}, self.whole)


class _Marks:
    """What one reader did to the marks of one label: of each image how many there were, and to how many each deed was done."""

    def __init__(self) -> None:
        self.images, self.n, self.other = Spool[tuple[str, int, tuple[int, ...]]](), 0, ""
        self.done = [0 for _ in DEEDS]

    def add(self, image: str, fates: Sequence[Fate]) -> None:
        done = sum(f.other is not None for f in fates), sum(f.after is None for f in fates)
        self.images.append((image, len(fates), done))
        self.n, self.done = self.n + len(fates), [a + b for a, b in zip(self.done, done, strict=True)]
        self.other = self.other or next((f.other for f in fates if f.other), "")


class AgainstReaders:
    """What a reader does to the model's marks, beside what all others do: `add` each read, then ask what was `compared`."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[str, _Marks]] = defaultdict(lambda: defaultdict(_Marks))

    def add(self, read: Read) -> None:
        for label, fates in _by_label(read).items():
            self._seen[label][read.reader].add(read.image, fates)

    def compared(self) -> Iterator[Suspicion]:
        """For each label that the model says."""
        for label, by in self._seen.items():
            effect = design_effect(n for of in by.values() for _, n, _ in of.images)
            for reader in by if len(by) > 1 else ():
                yield from _unlike_others(reader, label, by[reader], [of for name, of in by.items() if name != reader], effect)


def _by_label(read: Read) -> dict[str, list[Fate]]:
    found: dict[str, list[Fate]] = defaultdict(list)
    for fate in read.against_shown.fates if read.against_shown and read.complete else ():
        found[fate.before.label].append(fate)
    return found


def _unlike_others(reader: str, label: str, own: _Marks, others: Sequence[_Marks], effect: float) -> Iterator[Suspicion]:
    others_n = sum(of.n for of in others)
    if others_n < ENOUGH:
        return
    for i, kind in enumerate(DEEDS):
        done, others_done = own.done[i], sum(of.done[i] for of in others)
        p = scaled_fisher(done, own.n, others_done, others_n, effect)
        other = own.other if kind is Kind.RELABELLED_UNLIKE_OTHERS else ""
        images, usual = most_first([(image, of[i]) for image, _, of in own.images]), others_done * own.n / others_n
        yield Suspicion(kind, reader, label, other, done, own.n, usual, p, images, others_n)


class SamePictures:
    """What two readers say about the very same image, or about near copies; of those by the same reader too, who should see the
    same in them. `keep` all reads, then ask what was `compared`."""

    def __init__(self, copies: Copies) -> None:
        self.copies, self._reads, self._met, self._twice = copies, Groups[Read](), Once(), set[str]()

    def keep(self, reads: Iterable[Read]) -> None:
        self._reads.extend(map(self._noted, reads))

    def _noted(self, read: Read) -> tuple[str, Read]:
        if not self._met.add(read.image):
            self._twice.add(read.image)
        return read.image, read

    def compared(self) -> Iterator[Suspicion]:
        """For each two readers and each label: the marks that they left on the images that both have seen."""
        by: dict[tuple[str, str], Spool[SamePicture]] = defaultdict(Spool[SamePicture])
        for pair in self._pairs():
            by[pair.readers].append(pair)
        for both in by.values():
            for label in sorted({label for pair in both for label in pair.counts}):
                about = [pair for pair in both if label in pair.counts]
                yield from _pair(label, about)
                yield from _pair(label, [pair.turned() for pair in about])

    def _pairs(self) -> Iterator[SamePicture]:
        for image in sorted(self._twice):
            same = sorted(self._reads.of(image), key=lambda read: read.reader)
            yield from (SamePicture.of(a, b, True) for a, b in combinations(same, 2) if a.reader != b.reader)
        for (image, copy), whole in self.copies.items():
            for two in product(self._reads.of(image), self._reads.of(copy)):
                a, b = sorted(two, key=lambda read: (read.reader, read.image))
                yield SamePicture.of(a, b, whole)


def _pair(label: str, pairs: Sequence[SamePicture]) -> Iterator[Suspicion]:
    reader, other = pairs[0].readers
    sizes, others_sizes = ([sum(of[i] for of in pair.counts.values()) for pair in pairs] for i in (0, 1))
    n, others_n = sum(sizes), sum(others_sizes)
    done, others_done = (sum(pair.counts[label][i] for pair in pairs) for i in (0, 1))
    effect = design_effect([*sizes, *others_sizes])
    apart = [(pair.images[0], abs(pair.counts[label][0] - pair.counts[label][1])) for pair in pairs]
    images = most_first([(image, 1 + by) for image, by in apart])
    if n and others_n:
        p = scaled_fisher(done, n, others_done, others_n, effect)
        yield Suspicion(Kind.OTHER_LABELS, reader, label, other, done, n, others_done * n / others_n, p, images, others_n)
    whole = [pair.counts[label] for pair in pairs if pair.whole]
    if more := sum(a for a, _ in whole):
        fewer = sum(b for _, b in whole)
        short = sum(b < SHORT * a for a, b in whole)
        of_images = binomial_tail(short, len(whole), HONEST)
        p = min(1.0, 2 * min(at_least(more, [a + b for a, b in whole], MORE), of_images))
        yield Suspicion(Kind.OTHER_COUNTS, reader, label, other, more, more + fewer, float(fewer), p, images, fewer)
