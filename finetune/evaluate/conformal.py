"""The score per label below which a mark is doubtful: chosen so that images with the label keep a mark, by a promise.

Split conformal recall (Angelopoulos & Bates 2021, arXiv 2107.07511, sections 1 and 3.2; Vovk 2012 for the promise). Of n images
that show the label, s_1 <= ... <= s_n are the scores of the best mark of each, 0 where there is none. With the threshold s_l,
the share of images to come that keep a mark follows Beta(n + 1 - l, l), whatever the scores are like, as long as the images
are exchangeable. So the highest threshold that keeps `SHARE` of them with probability 1 - DELTA or more is s_l with

    l = max { l : P(Bin(n, 1 - SHARE) <= l - 1) <= DELTA }

On average over calibrations the weaker l = floor((n + 1) (1 - SHARE)) would do, but it misses the share every other time. Below
n = 15 there is no such l, and no threshold. Where there is one but s_l is 0, the model misses too many images whatever the
threshold: then only those up to which every image that shows a mark keeps one are allowed. Of a label that no image shows there
is no threshold, however many false alarms there are.

Of the thresholds up to s_l, those count at which F1 is not lower than without one. Those that leave false alarms on at most
MOST_ALARMS of the images and pieces without the label come first, where there are any. Of them the one with the least error of
the count serves, over images with and without the label. New weights have other scores: choose again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import comb
from pathlib import Path
from typing import Any

from finetune.evaluate.froc import best_score, score_of
from finetune.evaluate.metrics import ScoredAnswer
from pdc.domain.matching import EVALUATION, match
from pdc.domain.values import Findings, Mark
from pdc.files import write_json
from pdc.inference.adapter_folder import MANIFEST, AdapterManifest

SHARE = 0.85  # of images with the label that keep a mark of it
DELTA = 0.1  # the probability that fewer do
ENOUGH = 20  # images with the label, to choose from reviews
MOST_ALARMS = 0.10
STEPS = tuple(round(0.01 * i, 2) for i in range(91))


@dataclass(frozen=True, slots=True)
class Seen:
    """What is in an image, and what was found there, whatever its score. No truth: it shows none."""

    true: tuple[Mark, ...]
    found: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """What a threshold does for a label: F1 (at `EVALUATION`) and the count's error per object on images, the share of images
    with the label that show a mark of it, and of those without it that do (None: there are none)."""

    threshold: float
    f1: float
    count: float
    kept: float
    alarms: float | None

    def to_json(self) -> dict[str, Any]:
        return _rounded(asdict(self))


@dataclass(frozen=True, slots=True)
class Chosen:
    """A label's threshold, and what speaks for it. `most`: the highest that keeps the promise, None where none does."""

    threshold: float
    n: int
    negatives: int
    most: float | None
    row: Row
    share: float = SHARE
    delta: float = DELTA

    def to_json(self) -> dict[str, Any]:
        """What pdc.json keeps as evidence."""
        return _rounded({**{k: v for k, v in asdict(self).items() if k != "row"}, **asdict(self.row)})


def choose(
    seen: Sequence[Seen], label: str, *, apart: Sequence[Sequence[Seen]] = (), max_distance: float | None = None
) -> tuple[Chosen, list[Row]]:
    """The label's threshold from images with and without it, and a row for every step. The promise is kept on each of
    `apart` by itself too: sets of other images with the label. Points match within `max_distance` pixels, boxes by IoU."""
    rows = [row_at(seen, label, t, max_distance) for t in STEPS]
    sets = [_bests(some, label) for some in (seen, *apart)]
    most = _least([conformal_threshold(bests) for bests in sets if bests])
    best = best_of(rows, _harmless(rows, sets) if most is None else most)
    n, absent = sum(map(len, sets)), sum(not _of(s.true, label) for s in seen)
    return Chosen(best.threshold, n, absent, most, best), rows


def choose_from_reviews(cases: Sequence[ScoredAnswer]) -> dict[str, Chosen]:
    """Thresholds for the labels of which ENOUGH reviewed images hold a mark; none for the others, and none that hides nothing.
    A label that was asked with boxes is judged by them, else by its points."""
    labels = dict.fromkeys(label for case in cases for label in case.question.labels)
    found = {label: _from_reviews(cases, label) for label in labels}
    return {label: chosen for label, chosen in found.items() if chosen and chosen.threshold}


def _from_reviews(cases: Sequence[ScoredAnswer], label: str) -> Chosen | None:
    asked = [case for case in cases if label in case.question.labels and case.question.task.has_marks]
    boxed = [case for case in asked if case.question.task.has_boxes]
    images = {case.image: case for case in reversed(boxed or asked)}  # an image counts once
    seen = [Seen(_judged(case.true), (case.predicted or Findings()).marks) for case in images.values()]
    if sum(bool(_of(s.true, label)) for s in seen) < ENOUGH:
        return None
    return choose(seen, label, max_distance=None if boxed else EVALUATION.distance)[0]


def _judged(true: Findings) -> tuple[Mark, ...]:
    return tuple(m for m in true.marks if m.counts)


def keep_thresholds(adapter: Path, chosen: Mapping[str, Chosen], say: Callable[[str], None]) -> None:
    """Into the adapter's pdc.json, with what speaks for them."""
    if not chosen:
        return
    found = AdapterManifest.read(adapter)
    notes = {**found.notes, "thresholds": {label: c.to_json() for label, c in chosen.items()}}
    thresholds = {label: c.threshold for label, c in chosen.items()}
    write_json(adapter / MANIFEST, replace(found, thresholds=thresholds, notes=notes).to_json())
    said = ", ".join(f"{label} {t:.2f}" for label, t in thresholds.items())
    say(f"Marks below these scores will be doubtful, as the held-out reviews say: {said}.")


def conformal_rank(n: int, share: float = SHARE, delta: float = DELTA) -> int:
    """l of the module's formula; 0 where n images are too few."""
    alpha, below, rank = 1 - share, 0.0, 0
    for k in range(n):
        below += comb(n, k) * alpha**k * share ** (n - k)
        if below > delta:
            break
        rank = k + 1
    return rank


def conformal_threshold(bests: Sequence[float], share: float = SHARE, delta: float = DELTA) -> float | None:
    """The highest threshold that keeps the promise, from the best score of each image; None where none does."""
    rank = conformal_rank(len(bests), share, delta)
    found = sorted(bests)[rank - 1] if rank else 0.0
    return found or None


def row_at(seen: Sequence[Seen], label: str, threshold: float, max_distance: float | None = None) -> Row:
    """What the threshold does for the label."""
    pairs = [(_of(s.true, label), _of(s.found, label, threshold)) for s in seen]
    hits = sum(2 * len(match(found, true, max_distance=max_distance)) for true, found in pairs)
    n, said = sum(len(true) for true, _ in pairs), sum(len(found) for _, found in pairs)
    error = sum(abs(len(found) - len(true)) for true, found in pairs)
    there = [bool(found) for true, found in pairs if true]
    alarms = [bool(found) for true, found in pairs if not true]
    kept, false = (sum(some) / len(some) if some else None for some in (there, alarms))
    return Row(threshold, hits / max(n + said, 1), error / max(n, 1), kept or 0.0, false)


def best_of(rows: Sequence[Row], most: float) -> Row:
    """The row to serve with, of rows whose first has no threshold; of equals the lowest threshold."""
    fit = [r for r in rows if r.f1 >= rows[0].f1 and r.threshold <= most] or [rows[0]]
    quiet = [r for r in fit if (r.alarms or 0.0) <= MOST_ALARMS]
    return min(quiet or fit, key=lambda r: (round(r.count, 6), r.threshold))


def _harmless(rows: Sequence[Row], sets: Sequence[Sequence[float]]) -> float:
    """The highest threshold up to which as many images keep a mark as without one; 0 where too few images show the label."""
    ranks = [conformal_rank(len(bests)) for bests in sets if bests]
    if not ranks or not all(ranks):
        return 0.0
    return max(r.threshold for r in rows if r.kept >= rows[0].kept)


def _rounded(values: dict[str, Any]) -> dict[str, Any]:
    return {k: round(v, 4) if isinstance(v, float) else v for k, v in values.items()}


def _bests(seen: Sequence[Seen], label: str) -> list[float]:
    return [best_score(_of(s.found, label)) for s in seen if _of(s.true, label)]


def _least(found: Sequence[float | None]) -> float | None:
    """The promise is kept on all sets or on none."""
    kept = [t for t in found if t is not None]
    return min(kept) if kept and len(kept) == len(found) else None


def _of(marks: Sequence[Mark], label: str, threshold: float = 0.0) -> list[Mark]:
    return [m for m in marks if m.label == label and score_of(m) >= threshold]
