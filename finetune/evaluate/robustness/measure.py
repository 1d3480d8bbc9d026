"""How a model's answers hold when the image is seen otherwise: F1 a perturbation, in pairs with the clean images.

Expected F1   what the model itself promises: 2 * sum of the counted marks' p / (counted marks + expected objects). p is a mark's
              chance to be right: its score, calibrated where the model says what scores are worth (`count_models`). The
              expected objects are the mean of the count's distribution then, else the sum of p over all marks, doubtful
              ones too; objects that no mark lies on are not expected without a calibration.
Spearman      over the rows: whether the scores fall where F1 falls (Spearman 1904). Ties share their mean rank.
Intervals     95 % percentile bootstraps over the same draws of images for every row, so that rows are compared in pairs.
Sources       Where images come from few sources (2 to 9 groups, or sizes of frame), each is a row, and images are drawn.
              With more groups (patients, sequences), groups are drawn whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any
from zlib import crc32

import numpy as np
from PIL import Image

from finetune.data.dataset import Row
from finetune.data.unjudged import without_unjudged
from finetune.evaluate.bootstrap import FEW_GROUPS, RESAMPLES, SEED, Estimate, Sums, interval, ratio, totals
from finetune.evaluate.robustness.perturbations import CLEAN, PERTURBATIONS, Perturbation
from pdc.domain.matching import EVALUATION, match
from pdc.domain.progress import Progress, follow, unseen
from pdc.domain.values import Findings, Status
from pdc.inference.predictors.base import Answer, Predictor

AT_ONCE = 4  # images asked in one batch
LEAST_IMAGES = 5  # of a source, to be a row of its own
# Columns of the sums, a row an image.
MATCHED, MARKS, OFF, OBJECTS, HITS_EXPECTED, MARKS_EXPECTED = range(6)
COLUMNS = 6
Share = tuple[Sums, Sums]
REAL: Share = lambda s: s[..., MATCHED], lambda s: s[..., MARKS]
PROMISED: Share = lambda s: s[..., HITS_EXPECTED], lambda s: s[..., MARKS_EXPECTED]
COUNTED: Share = lambda s: s[..., OFF], lambda s: s[..., OBJECTS]
SOURCE = "source"
LEAST_ROWS = 3  # to rank


@dataclass(frozen=True, slots=True)
class PerturbedScores:
    """One row of the table. `change` is F1 minus that of the same images clean; None for clean and for sources. `expected` is
    the F1 that the scores promise; None where no mark has a score. `count_error`: mean error / mean number."""

    kind: str
    name: str
    severity: str
    images: int
    f1: Estimate | None
    change: Estimate | None
    expected: Estimate | None
    count_error: Estimate | None

    @property
    def title(self) -> str:
        return f"{self.name}, {self.severity}" if self.severity else self.name


@dataclass(frozen=True, slots=True)
class Robustness:
    """The table, and how the promised F1 ranks its rows beside the real one, in all and a kind: None with fewer than 3."""

    rows: tuple[PerturbedScores, ...]
    spearman: Estimate | None
    spearmans: Mapping[str, Estimate | None]
    min_iou: float = EVALUATION.iou
    resamples: int = RESAMPLES
    seed: int = SEED

    def to_json(self) -> dict[str, Any]:
        """Plain values only."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Robustness:
        """The inverse of `to_json`."""
        rows = tuple(PerturbedScores(**{k: _estimate(v) for k, v in row.items()}) for row in value["rows"])
        some = {kind: _estimate(v) for kind, v in value["spearmans"].items()}
        return cls(**{**value, "rows": rows, "spearman": _estimate(value["spearman"]), "spearmans": some})


def _estimate(value: Any) -> Any:
    return Estimate(**value) if isinstance(value, dict) else value


@dataclass(frozen=True, slots=True)
class _Part:
    """One row of the table: the sums of each image, with those of its clean image where there is one to compare with, and the
    sums of each draw of images, `resamples` rows."""

    kind: str
    name: str
    severity: str
    sums: np.ndarray
    drawn: np.ndarray = field(repr=False)
    clean: tuple[np.ndarray, np.ndarray] | None = field(default=None, repr=False)

    def scores(self) -> PerturbedScores:
        f1, promised, off = (ratio(self.sums, self.drawn, part, whole) for part, whole in (REAL, PROMISED, COUNTED))
        change = self.clean and _change(self.clean, (self.sums, self.drawn))
        return PerturbedScores(self.kind, self.name, self.severity, len(self.sums), f1, change, promised, off)


def measure_robustness(
    predictor: Predictor,
    kinds: Mapping[str, Sequence[Row]],
    perturbations: Sequence[Perturbation] = PERTURBATIONS,
    *,
    seed: int = SEED,
    progress: Progress = unseen,
) -> Robustness:
    """Ask each row's question about its image as it is, and under every perturbation.

    `kinds` names the rows that belong together. Perturbations that move marks are left out where a row has only counts.
    """
    parts: list[_Part] = []
    for kind, rows in kinds.items():
        parts += _parts(kind, rows, _ask(predictor, kind, rows, _usable(rows, perturbations), seed, progress))
    ranked = {kind: [p for p in parts if p.kind == kind and p.name != SOURCE] for kind in kinds}
    everything = [p for some in ranked.values() for p in some]
    return Robustness(tuple(p.scores() for p in parts), _spearman(everything), {k: _spearman(v) for k, v in ranked.items()})


def _usable(rows: Sequence[Row], perturbations: Sequence[Perturbation]) -> list[Perturbation]:
    marked = all(r.question.task.has_marks for r in rows)
    return [CLEAN, *(p for p in perturbations if marked or not p.moves)]


def _ask(
    predictor: Predictor, kind: str, rows: Sequence[Row], perturbations: Sequence[Perturbation], seed: int, progress: Progress
) -> dict[Perturbation, np.ndarray]:
    """float64 [rows, columns] a perturbation: the sums of each row's answer."""
    chunks = [range(i, min(i + AT_ONCE, len(rows))) for i in range(0, len(rows), AT_ONCE)]
    found = {p: np.zeros((len(rows), COLUMNS)) for p in perturbations}
    for p, chunk in follow(f"Measuring {kind}", [(p, chunk) for p in perturbations for chunk in chunks], progress):
        seen = [_perturbed(rows[i], p, np.random.default_rng([seed, i, crc32(p.title.encode())])) for i in chunk]
        answers = predictor.predict_many([(image, rows[i].question) for i, (image, _) in zip(chunk, seen, strict=True)])
        for i, answer, (_, true) in zip(chunk, answers, seen, strict=True):
            found[p][i] = _sums(answer, true, rows[i])
    return found


def _perturbed(row: Row, perturbation: Perturbation, rng: np.random.Generator) -> tuple[Image.Image, Findings]:
    pixels, findings = perturbation.apply(np.asarray(row.image()), row.findings, rng)
    return Image.fromarray(pixels), findings


def _sums(answer: Answer, true: Findings, row: Row) -> np.ndarray:
    """What one answer adds to each column; an unreadable one has no marks."""
    task = row.question.task
    listed = without_unjudged(answer.findings or Findings(), true)
    marks, objects = ([m for m in f.marks if m.counts] for f in (listed, true))
    hits = len(match(marks, objects, max_distance=EVALUATION.distance if task.has_points else None))
    said, there = listed.counts(task), true.counts(task)
    off = sum(abs(said.get(label, 0) - there.get(label, 0)) for label in row.question.labels)
    expected_hits, expected = _expected(answer, listed)
    return np.array([2 * hits, len(marks) + len(objects), off, sum(there.values()), 2 * expected_hits, expected], float)


def _expected(answer: Answer, listed: Findings) -> tuple[float, float]:
    """Expected hits, and marks + expected objects. Zeros where marks have no scores and counts no chances."""
    models = answer.count_models
    shown = [m for m in listed.marks if m.score is not None and (m.counts or m.status is Status.DOUBTFUL)]
    right = [models[m.label].right(m.score or 0.0) if m.label in models else m.score or 0.0 for m in shown]
    counted = [p for m, p in zip(shown, right, strict=True) if m.counts]
    objects = sum(p for m, p in zip(shown, right, strict=True) if m.label not in answer.counts)
    objects += sum(n * chance for counts in answer.counts.values() for n, chance in counts.items())
    return sum(counted), len(counted) + objects


def _parts(kind: str, rows: Sequence[Row], found: Mapping[Perturbation, np.ndarray]) -> list[_Part]:
    """A row for every perturbation, then one for every source."""
    names = sources_of(rows)
    groups = [r.group if not names and r.group else str(r.path) for r in rows]

    def drawn(sums: np.ndarray, some: Sequence[str]) -> np.ndarray:
        return totals(sums, RESAMPLES, SEED, some)

    sums = found[CLEAN]
    clean = sums, drawn(sums, groups)
    parts = [_Part(kind, p.name, p.severity, s, drawn(s, groups), None if p is CLEAN else clean) for p, s in found.items()]
    for name in sorted(set(names)):
        chosen = [i for i, n in enumerate(names) if n == name]
        parts.append(_Part(kind, SOURCE, name, sums[chosen], drawn(sums[chosen], [groups[i] for i in chosen])))
    return parts


def sources_of(rows: Sequence[Row]) -> list[str]:
    """The source of each row; empty where there is but one, or where it is not known."""
    for names in ([r.group for r in rows], [f"frames of {r.width} x {r.height}" for r in rows]):
        often = Counter(names)
        if len(often) < FEW_GROUPS and sum(n >= LEAST_IMAGES for n in often.values()) > 1:
            return [n if often[n] >= LEAST_IMAGES else "others" for n in names]
    return []


def _change(clean: tuple[np.ndarray, np.ndarray], seen: tuple[np.ndarray, np.ndarray]) -> Estimate | None:
    """F1 minus that of the clean images, over the same draws; None where either is not defined."""
    part, whole = REAL
    if not all(whole(sums.sum(0)) for sums, _ in (clean, seen)):
        return None
    before, after = (_shares(drawn, REAL) for _, drawn in (clean, seen))
    value = [float(part(sums.sum(0)) / whole(sums.sum(0))) for sums, _ in (clean, seen)]
    rise = after - before
    return Estimate(value[1] - value[0], *interval(rise[np.isfinite(rise)]))


def _shares(sums: np.ndarray, share: Share) -> np.ndarray:
    """Part / whole of each row of sums; NaN where there is nothing to divide by."""
    part, whole = share[0](sums), share[1](sums)
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole > 0)


def _spearman(parts: Sequence[_Part]) -> Estimate | None:
    """How the promised F1 ranks the rows beside the real one; the interval is over the draws of images."""
    tables = (
        [np.stack([_shares(p.sums.sum(0, keepdims=True), share) for p in parts], 1) for share in (REAL, PROMISED)]
        if parts
        else []
    )
    if len(parts) < LEAST_ROWS or not all(np.isfinite(t).all() for t in tables):
        return None
    drawn = [np.stack([_shares(p.drawn, share) for p in parts], 1) for share in (REAL, PROMISED)]
    some = [rank_correlation(a, b) for a, b in zip(*drawn, strict=True) if np.isfinite(a).all() and np.isfinite(b).all()]
    return Estimate(rank_correlation(tables[0][0], tables[1][0]), *interval(np.array(some)))


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's: the correlation of the ranks, -1 to 1; 0 where one of the two is constant."""
    x, y = (_ranks(v) - (len(v) + 1) / 2 for v in (a, b))
    size = float(np.sqrt((x**2).sum() * (y**2).sum()))
    return float((x * y).sum()) / size if size else 0.0


def _ranks(values: np.ndarray) -> np.ndarray:
    """From 1; equal values share their mean rank."""
    _, which, often = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(often) - (often - 1) / 2)[which]
