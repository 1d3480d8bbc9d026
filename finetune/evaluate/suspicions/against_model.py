"""A reader's reviews beside what the base model says about the same images, within what it is known to be wrong in. Pure.

How often the base is wrong is known before any review, from images whose objects are known (`pdc.domain.certainty.counts`): per
label the probability p that a mark with its score stands for an object, and the mean number of objects that have no mark.
An honest reader may find it wrong more often than that. So a comparison tolerates

    relabelled  RELABELS of the marks with p of at least 1/2
    removed     1.5 times the expected share 1 - p, and 3 points
    added       twice the expected number; an image with so many that the chance is LEAST counts
    unchanged   0.6 times the chance that an image needs a change; only where the reader was shown this very answer
    size        half of LEAST of the images with a median side below 3/4, or above 4/3, of the model's
    place       half of LEAST with a median shift of 15 % of the side, for each of four directions
    both        ONE_SIDED of the images that are off: where the model's boxes are loose, readers move them to all sides

A label without such numbers is only compared for relabelling, size and place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import exp, log2, prod
from statistics import fmean, median

from finetune.evaluate.suspicions.reads import Comparison, Fate, Read
from finetune.evaluate.suspicions.suspicion import Kind, Suspicion, most_first
from finetune.evaluate.suspicions.tails import at_least, images_at_least, images_at_most
from pdc.domain.certainty.counts import CountModel, CountModels, negative_binomial
from pdc.domain.values import Box, Mark

RELABELS = 0.04
REMOVES, REMOVES_BESIDE = 1.5, 0.03
ADDS = 2.0
CHANGES = 0.6
LEAST = 0.1
ONE_SIDED = 0.6
SIZE = log2(4 / 3)
SHIFT = 0.15
SIDES: Mapping[str, Callable[[float, float], float]] = {
    "right": lambda x, y: x,
    "left": lambda x, y: -x,
    "down": lambda x, y: y,
    "up": lambda x, y: -y,
}


def compare_with_model(reads: Sequence[Read], models: CountModels) -> Iterator[Suspicion]:
    """Every comparison that can be made for each reader, whatever it finds."""
    for reader in dict.fromkeys(r.reader for r in reads):
        own = [_Judged(r, c, models) for r in reads if r.reader == reader and (c := r.against_base) and r.judged]
        for label in sorted({label for one in own for label in one.read.judged}):
            yield from _label(reader, label, [one for one in own if label in one.read.judged])
        yield from _shapes(reader, own)
        yield from _unchanged(reader, [one for one in own if one.read.corrects_base and one.is_measured])


@dataclass(frozen=True)
class _Judged:
    """A read with the base's answer, and what the base's marks are worth."""

    read: Read
    compared: Comparison
    models: CountModels

    def fates(self, label: str) -> list[Fate]:
        return [f for f in self.compared.fates if f.before.label == label]

    def names(self, label: str) -> list[str]:
        """What the reader calls the marks that the base surely calls so; a label that the base does not know is as good."""
        kept = (f for f in self.fates(label) if f.after and self.is_sure(f.before))
        return [f.other if f.other in self.read.judged else label for f in kept]

    def is_sure(self, mark: Mark) -> bool:
        right = self.right(mark)
        return right is None or right >= 0.5

    def right(self, mark: Mark) -> float | None:
        model = self.models.get(mark.label)
        return None if model is None or mark.score is None else model.right(mark.score)

    def known(self, label: str) -> list[tuple[Fate, float]]:
        """The fates of the label's marks of which it is known what their score is worth, with that."""
        return [(f, p) for f in self.fates(label) if (p := self.right(f.before)) is not None]

    def without_mark(self, label: str) -> float:
        """The mean number of objects of the label that have no mark."""
        model = self.models[label]
        return model.unlisted / 2 + model.missed * sum(p for _, p in self.known(label))

    @property
    def is_measured(self) -> bool:
        """Whether all of the answer is of labels that the base knows, with known error rates, and all of the review is there."""
        measured = self.read.judged.issuperset(self.read.labels) and self.models.keys() >= set(self.read.labels)
        return measured and self.read.complete

    def needs_change(self) -> float:
        """The chance that an honest reader changes the answer."""
        right = prod(p for label in self.read.labels for _, p in self.known(label))
        missed = sum(m.missed * sum(p for _, p in self.known(n)) for n, m in self.models.items() if n in self.read.labels)
        return 1 - right * exp(-missed)


def _label(reader: str, label: str, own: Sequence[_Judged]) -> Iterator[Suspicion]:
    yield from _relabelled(reader, label, own)
    whole = [one for one in own if one.read.complete and label in one.models]
    if whole:
        yield from _removed(reader, label, whole)
        yield _added(reader, label, whole, whole[0].models[label])


def _relabelled(reader: str, label: str, own: Sequence[_Judged]) -> Iterator[Suspicion]:
    seen = [(one.read.image, one.names(label)) for one in own]
    sizes = [len(names) for _, names in seen]
    if sum(sizes):
        said = Counter(name for _, names in seen for name in names if name != label)
        other = said.most_common(1)[0][0] if said else ""
        renamed = [(image, sum(name != label for name in names)) for image, names in seen]
        done, usual = said.total(), RELABELS * sum(sizes)
        p = at_least(done, sizes, RELABELS)
        yield Suspicion(Kind.RELABELLED, reader, label, other, done, sum(sizes), usual, p, most_first(renamed))


def _removed(reader: str, label: str, own: Sequence[_Judged]) -> Iterator[Suspicion]:
    known = [(one.read.image, one.known(label)) for one in own]
    sizes, gone = [len(of) for _, of in known], [(image, sum(f.after is None for f, _ in of)) for image, of in known]
    if sum(sizes):
        wrong = fmean(1 - p for _, of in known for _, p in of)
        chance, done = min(0.9, REMOVES * wrong + REMOVES_BESIDE), sum(n for _, n in gone)
        p = at_least(done, sizes, chance)
        yield Suspicion(Kind.REMOVED, reader, label, "", done, sum(sizes), wrong * sum(sizes), p, most_first(gone))


def _added(reader: str, label: str, own: Sequence[_Judged], model: CountModel) -> Suspicion:
    drawn = [(one.read.image, sum(m.label == label for m in one.compared.added)) for one in own]
    means = [one.without_mark(label) for one in own]
    chances = [_tail(ADDS * m, model.spread) for m in means]
    many = sum(of(n) <= LEAST for of, (_, n) in zip(chances, drawn, strict=True))
    p = images_at_least(many, [LEAST] * len(own))
    return Suspicion(Kind.ADDED, reader, label, "", sum(n for _, n in drawn), len(own), sum(means), p, most_first(drawn))


def _tail(mean: float, spread: float) -> Callable[[int], float]:
    """n -> the chance of n or more objects without a mark."""
    of = negative_binomial(mean, spread)
    return lambda n: 1 - sum(p for i, p in of.items() if i < n)


def _unchanged(reader: str, own: Sequence[_Judged]) -> Iterator[Suspicion]:
    if own:
        needs = [one.needs_change() for one in own]
        same = [one.read.image for one in own if not one.compared.is_changed]
        p = images_at_most(len(own) - len(same), [CHANGES * need for need in needs])
        yield Suspicion(Kind.UNCHANGED, reader, "", "", len(same), len(own), len(own) - sum(needs), p, tuple(same))


def _shapes(reader: str, own: Sequence[_Judged]) -> Iterator[Suspicion]:
    drawn = [(one.read.image, boxes) for one in own if (boxes := _drawn(one))]
    if not drawn:
        return
    sizes = [(image, median(log2(b.area / a.area) / 2 for a, b in boxes)) for image, boxes in drawn]
    yield _odd(Kind.SMALLER, reader, "", [(image, -size / SIZE) for image, size in sizes])
    yield _odd(Kind.LARGER, reader, "", [(image, size / SIZE) for image, size in sizes])
    for side, along in SIDES.items():
        shifts = [(image, median(along(*_shift(a, b)) for a, b in boxes) / SHIFT) for image, boxes in drawn]
        yield _odd(Kind.SHIFTED, reader, side, shifts)


def _odd(kind: Kind, reader: str, side: str, measured: Sequence[tuple[str, float]]) -> Suspicion:
    """From how odd each image is, in units of what is still usual."""
    odd = [image for image, oddness in sorted(measured, key=lambda pair: -pair[1]) if oddness > 1]
    off = sum(abs(oddness) > 1 for _, oddness in measured)
    p = max(images_at_least(len(odd), [LEAST / 2] * len(measured)), images_at_least(len(odd), [ONE_SIDED] * off))
    return Suspicion(kind, reader, "", side, len(odd), len(measured), LEAST / 2 * len(measured), p, tuple(odd))


def _drawn(one: _Judged) -> list[tuple[Box, Box]]:
    """The model's box and the reader's, of objects that the base knows."""
    kept = ((f.before.shape, f.after.shape) for f in one.compared.fates if f.after and f.before.label in one.read.judged)
    return [(a, b) for a, b in kept if isinstance(a, Box) and isinstance(b, Box) and a.area and b.area]


def _shift(a: Box, b: Box) -> tuple[float, float]:
    """Of the centre, in sides of the model's box."""
    return (b.center.x - a.center.x) / a.width, (b.center.y - a.center.y) / a.height
