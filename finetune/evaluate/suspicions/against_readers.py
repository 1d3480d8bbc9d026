"""Readers beside each other: what each makes of the same model's marks, and what two say about one image or near copies of it.

A reader's share of relabelled or removed marks is compared with the other readers' by Fisher's exact test, one-sided. For two
readers of the same images, or of near copies, the shares of the labels among their marks are compared, and the numbers of marks
where both show the same whole: over all images, and image by image. Marks of one image count for less than independent ones
(`tails.design_effect`). Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from finetune.evaluate.suspicions.reads import Fate, Read
from finetune.evaluate.suspicions.suspicion import Kind, Suspicion, most_first
from finetune.evaluate.suspicions.tails import at_least, design_effect, images_at_least, scaled_fisher

ENOUGH = 20  # marks of others, below which they say too little
MORE = 0.6  # of the marks of both readers together: what one of two honest ones may have
SHORT = 0.75  # of the other reader's marks: fewer are too few for one image
HONEST = 0.3  # the chance of that in an image of two honest readers

Did = Callable[[Fate], bool]
DEEDS: dict[Kind, Did] = {
    Kind.RELABELLED_UNLIKE_OTHERS: lambda f: f.other is not None,
    Kind.REMOVED_UNLIKE_OTHERS: lambda f: f.after is None,
}


@dataclass(frozen=True, slots=True)
class SamePicture:
    """Two reads of one image, or of near copies; `whole`: neither is a part of the other, so that counts can be compared."""

    one: Read
    other: Read
    whole: bool


def compare_readers(reads: Sequence[Read]) -> Iterator[Suspicion]:
    """For each label that the model says: what a reader does to its marks, beside what all others do."""
    seen: dict[str, dict[str, list[tuple[str, list[Fate]]]]] = defaultdict(lambda: defaultdict(list))
    for read in reads:
        for label, fates in _by_label(read).items():
            seen[label][read.reader].append((read.image, fates))
    for label, by in seen.items():
        for reader in by if len(by) > 1 else ():
            others = [one for r, of in by.items() if r != reader for one in of]
            yield from _unlike_others(reader, label, by[reader], others)


def _by_label(read: Read) -> dict[str, list[Fate]]:
    found: dict[str, list[Fate]] = defaultdict(list)
    for fate in read.against_shown.fates if read.against_shown and read.complete else ():
        found[fate.before.label].append(fate)
    return found


def _unlike_others(
    reader: str, label: str, own: Sequence[tuple[str, list[Fate]]], others: Sequence[tuple[str, list[Fate]]]
) -> Iterator[Suspicion]:
    n, others_n = _marks(own), _marks(others)
    if others_n < ENOUGH:
        return
    effect = design_effect([len(fates) for _, fates in (*own, *others)])
    for kind, did in DEEDS.items():
        each = [(image, sum(map(did, fates))) for image, fates in own]
        done, others_done = sum(k for _, k in each), sum(did(f) for _, fates in others for f in fates)
        p = scaled_fisher(done, n, others_done, others_n, effect)
        other = (
            next((f.other for _, fates in own for f in fates if f.other), "") if kind is not Kind.REMOVED_UNLIKE_OTHERS else ""
        )
        yield Suspicion(kind, reader, label, other, done, n, others_done * n / others_n, p, most_first(each), others_n)


def _marks(of: Sequence[tuple[str, list[Fate]]]) -> int:
    return sum(len(fates) for _, fates in of)


def compare_pairs(pairs: Sequence[SamePicture]) -> Iterator[Suspicion]:
    """For each two readers and each label: the marks that they left on the images that both have seen."""
    for readers in dict.fromkeys((p.one.reader, p.other.reader) for p in pairs):
        both = [p for p in pairs if (p.one.reader, p.other.reader) == readers]
        for label in sorted({n for p in both for n in _common(p)}):
            about = [p for p in both if label in _common(p)]
            yield from _pair(label, about)
            yield from _pair(label, [SamePicture(p.other, p.one, p.whole) for p in about])


def _common(pair: SamePicture) -> set[str]:
    return set(pair.one.labels) & set(pair.other.labels) if pair.one.complete and pair.other.complete else set()


def _pair(label: str, pairs: Sequence[SamePicture]) -> Iterator[Suspicion]:
    reader, other = pairs[0].one.reader, pairs[0].other.reader
    own, theirs = [_counts(p.one, p, label) for p in pairs], [_counts(p.other, p, label) for p in pairs]
    n, others_n = sum(c[1] for c in own), sum(c[1] for c in theirs)
    done, others_done = sum(c[0] for c in own), sum(c[0] for c in theirs)
    effect = design_effect([c[1] for c in (*own, *theirs)])
    images = most_first([(p.one.image, 1 + abs(a[0] - b[0])) for p, a, b in zip(pairs, own, theirs, strict=True)])
    if n and others_n:
        p = scaled_fisher(done, n, others_done, others_n, effect)
        yield Suspicion(Kind.OTHER_LABELS, reader, label, other, done, n, others_done * n / others_n, p, images, others_n)
    whole = [(a[0], b[0]) for p, a, b in zip(pairs, own, theirs, strict=True) if p.whole]
    if more := sum(a for a, _ in whole):
        fewer = sum(b for _, b in whole)
        short = sum(b < SHORT * a for a, b in whole)
        of_images = images_at_least(short, [HONEST] * len(whole))
        p = min(1.0, 2 * min(at_least(more, [a + b for a, b in whole], MORE), of_images))
        yield Suspicion(Kind.OTHER_COUNTS, reader, label, other, more, more + fewer, float(fewer), p, images, fewer)


def _counts(read: Read, pair: SamePicture, label: str) -> tuple[int, int]:
    """Marks of the label, and of all labels that both readers were asked for."""
    marks = [m.label for m in read.reviewed.marks if m.counts and m.label in _common(pair)]
    return marks.count(label), len(marks)


def same_images(reads: Sequence[Read]) -> list[SamePicture]:
    """Reads of the very same image by different readers."""
    by: dict[str, list[Read]] = defaultdict(list)
    for read in reads:
        by[read.image].append(read)
    pairs = (tuple(sorted(two, key=lambda r: r.reader)) for of in by.values() for two in combinations(of, 2))
    return [SamePicture(a, b, whole=True) for a, b in pairs if a.reader != b.reader]
