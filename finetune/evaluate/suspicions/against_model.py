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

A label without such numbers is only compared for relabelling, size and place. A few numbers of each image are
kept, on disk where there are many.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import exp, log2, prod
from statistics import median

from finetune.evaluate.suspicions.reads import Comparison, Fate, Read
from finetune.evaluate.suspicions.suspicion import Kind, Suspicion, most_first
from finetune.evaluate.suspicions.tails import at_least, binomial_tail, images_at_most
from pdc.domain.certainty.counts import CountModel, CountModels, negative_binomial
from pdc.domain.values import Box, Mark
from pdc.spool import Spool

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


class AgainstModel:
    """Readers beside the base model: `add` each read, then ask what was `compared`."""

    def __init__(self, models: CountModels) -> None:
        self.models, self._seen = models, dict[str, Spool[_Seen]]()

    def add(self, read: Read) -> None:
        if read.judged and (compared := read.against_base):
            self._seen.setdefault(read.reader, Spool()).append(_Judged(read, compared, self.models).seen())

    def compared(self) -> Iterator[Suspicion]:
        """Every comparison that can be made for each reader, whatever it finds."""
        for reader, seen in self._seen.items():
            for label in sorted({label for one in seen for label in one.labels}):
                of_label = [(one.image, of) for one in seen if (of := one.labels.get(label))]
                yield from _label(reader, of_label, label, self.models.get(label))
            yield from _shapes(reader, [(one.image, one.shape) for one in seen if one.shape])
            yield from _unchanged(reader, [one for one in seen if one.confirms])


@dataclass(frozen=True, slots=True)
class _Label:
    """What became of the base's marks of one label in an image. `kept`: the surely right ones that a reader left; `renamed`: the
    other names that some of them have now. `known`: those whose score says what they are worth; so many of them were `removed`,
    and so many are to be expected `wrong`. `added` by the reader, and `unmarked` as many objects as usually have no mark. Without
    `complete` a missing mark says nothing."""

    kept: int
    renamed: tuple[str, ...]
    known: int
    removed: int
    wrong: float
    added: int
    unmarked: float
    complete: bool


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a reader did to the base's answer about an image, as numbers. `shape`: over the boxes that were left, the median of
    the size as a power of two, and those of the shift right and down, in sides of the model's box. `confirms`: the reader was
    shown this very answer, and what it is worth is known; then `needs` is the chance that it had to be changed."""

    image: str
    labels: Mapping[str, _Label]
    shape: tuple[float, float, float] | None
    confirms: bool
    changed: bool
    needs: float


@dataclass(frozen=True)
class _Judged:
    """A read with the base's answer, and what the base's marks are worth."""

    read: Read
    compared: Comparison
    models: CountModels

    def seen(self) -> _Seen:
        labels = {label: self.of(label) for label in self.read.judged}
        confirms = self.read.corrects_base and self.is_measured
        needs = self.needs_change() if confirms else 0.0
        return _Seen(self.read.image, labels, _shape(self), confirms, self.compared.is_changed, needs)

    def of(self, label: str) -> _Label:
        names, known = self.names(label), self.known(label)
        return _Label(
            kept=len(names),
            renamed=tuple(name for name in names if name != label),
            known=len(known),
            removed=sum(fate.after is None for fate, _ in known),
            wrong=sum(1 - p for _, p in known),
            added=sum(m.label == label for m in self.compared.added),
            unmarked=self.without_mark(label) if label in self.models else 0.0,
            complete=self.read.complete,
        )

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


Seen = Sequence[tuple[str, _Label]]
"""images (sha256), and what became of the marks of one label there"""


def _label(reader: str, seen: Seen, label: str, model: CountModel | None) -> Iterator[Suspicion]:
    yield from _relabelled(reader, label, seen)
    whole = [(image, of) for image, of in seen if of.complete]
    if whole and model:
        yield from _removed(reader, label, whole)
        yield _added(reader, label, whole, model)


def _relabelled(reader: str, label: str, seen: Seen) -> Iterator[Suspicion]:
    sizes = [of.kept for _, of in seen]
    if sum(sizes):
        said = Counter(name for _, of in seen for name in of.renamed)
        other = said.most_common(1)[0][0] if said else ""
        renamed = [(image, len(of.renamed)) for image, of in seen]
        done, usual = said.total(), RELABELS * sum(sizes)
        p = at_least(done, sizes, RELABELS)
        yield Suspicion(Kind.RELABELLED, reader, label, other, done, sum(sizes), usual, p, most_first(renamed))


def _removed(reader: str, label: str, seen: Seen) -> Iterator[Suspicion]:
    sizes, gone = [of.known for _, of in seen], [(image, of.removed) for image, of in seen]
    if marks := sum(sizes):
        wrong = sum(of.wrong for _, of in seen) / marks
        chance, done = min(0.9, REMOVES * wrong + REMOVES_BESIDE), sum(n for _, n in gone)
        p = at_least(done, sizes, chance)
        yield Suspicion(Kind.REMOVED, reader, label, "", done, marks, wrong * marks, p, most_first(gone))


def _added(reader: str, label: str, seen: Seen, model: CountModel) -> Suspicion:
    drawn = [(image, of.added) for image, of in seen]
    many = sum(_tail(of.added, ADDS * of.unmarked, model.spread) <= LEAST for _, of in seen)
    p, usual = binomial_tail(many, len(seen), LEAST), sum(of.unmarked for _, of in seen)
    return Suspicion(Kind.ADDED, reader, label, "", sum(n for _, n in drawn), len(seen), usual, p, most_first(drawn))


def _tail(n: int, mean: float, spread: float) -> float:
    """The chance of n or more objects without a mark."""
    return 1 - sum(p for i, p in negative_binomial(mean, spread).items() if i < n)


def _unchanged(reader: str, own: Sequence[_Seen]) -> Iterator[Suspicion]:
    if own:
        same = [one.image for one in own if not one.changed]
        p = images_at_most(len(own) - len(same), [CHANGES * one.needs for one in own])
        usual = len(own) - sum(one.needs for one in own)
        yield Suspicion(Kind.UNCHANGED, reader, "", "", len(same), len(own), usual, p, tuple(same))


def _shapes(reader: str, shapes: Sequence[tuple[str, tuple[float, float, float]]]) -> Iterator[Suspicion]:
    if not shapes:
        return
    yield _odd(Kind.SMALLER, reader, "", [(image, -size / SIZE) for image, (size, _, _) in shapes])
    yield _odd(Kind.LARGER, reader, "", [(image, size / SIZE) for image, (size, _, _) in shapes])
    for side, along in SIDES.items():
        yield _odd(Kind.SHIFTED, reader, side, [(image, along(x, y) / SHIFT) for image, (_, x, y) in shapes])


def _odd(kind: Kind, reader: str, side: str, measured: Sequence[tuple[str, float]]) -> Suspicion:
    """From how odd each image is, in units of what is still usual."""
    odd = [image for image, oddness in sorted(measured, key=lambda pair: -pair[1]) if oddness > 1]
    off = sum(abs(oddness) > 1 for _, oddness in measured)
    p = max(binomial_tail(len(odd), len(measured), LEAST / 2), binomial_tail(len(odd), off, ONE_SIDED))
    return Suspicion(kind, reader, "", side, len(odd), len(measured), LEAST / 2 * len(measured), p, tuple(odd))


def _shape(one: _Judged) -> tuple[float, float, float] | None:
    boxes = _drawn(one)
    if not boxes:
        return None
    right, down = zip(*(_shift(a, b) for a, b in boxes), strict=True)
    return median(log2(b.area / a.area) / 2 for a, b in boxes), median(right), median(down)


def _drawn(one: _Judged) -> list[tuple[Box, Box]]:
    """The model's box and the reader's, of objects that the base knows."""
    kept = ((f.before.shape, f.after.shape) for f in one.compared.fates if f.after and f.before.label in one.read.judged)
    return [(a, b) for a, b in kept if isinstance(a, Box) and isinstance(b, Box) and a.area and b.area]


def _shift(a: Box, b: Box) -> tuple[float, float]:
    """Of the centre, in sides of the model's box."""
    return (b.center.x - a.center.x) / a.width, (b.center.y - a.center.y) / a.height
