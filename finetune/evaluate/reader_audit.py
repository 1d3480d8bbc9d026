"""Does one reader judge unlike the others? Found from what readers do to the same model's marks. Pure.

For every label that the model says, each reader keeps, relabels or removes some share of its marks. A reader whose share is
higher than the other readers' by more than chance explains (Fisher's exact test, one-sided, at 5 % over all comparisons
together) is named, with the numbers, for a person to look at: careless or right, the audit cannot know.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import comb

from finetune.evaluate.tables import align_columns
from pdc.domain.diff import CorrectionKind, diff
from pdc.domain.values import Findings

LEVEL = 0.05  # chance to name anybody when all judge alike
KINDS = (CorrectionKind.RELABELLED, CorrectionKind.REMOVED)


@dataclass(frozen=True, slots=True)
class JudgedReview:
    """What a reader made of a prediction."""

    reader: str
    predicted: Findings
    reviewed: Findings


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A reader who did `kind` to `done` of `seen` marks that the model called `label`; the others to `others_done` of
    `others_seen`. `p` is the chance of that or more if they judged alike."""

    reader: str
    label: str
    kind: CorrectionKind
    done: int
    seen: int
    others_done: int
    others_seen: int
    p: float


def audit_readers(reviews: Iterable[JudgedReview]) -> list[Suspicion]:
    """The least likely first; empty when nobody stands out, or when there are no two readers to compare."""
    seen, done = _counts(reviews)
    compared = [_compared(key, kind, seen, done) for key in seen for kind in KINDS]
    compared = [s for s in compared if s.seen and s.others_seen]
    return sorted((s for s in compared if s.p < LEVEL / len(compared)), key=lambda s: s.p)


Key = tuple[str, str]  # reader, label


def _counts(reviews: Iterable[JudgedReview]) -> tuple[Counter[Key], Counter[tuple[str, str, CorrectionKind]]]:
    seen: Counter[Key] = Counter()
    done: Counter[tuple[str, str, CorrectionKind]] = Counter()
    for review in reviews:
        for change in diff(review.predicted, review.reviewed):
            if change.before is not None:
                key = review.reader, change.before.label
                seen[key] += 1
                done[(*key, change.kind)] += 1
    return seen, done


def _compared(key: Key, kind: CorrectionKind, seen: Counter, done: Counter) -> Suspicion:
    reader, label = key
    others = [r for r, n in seen if n == label and r != reader]
    k, n = done[(reader, label, kind)], seen[key]
    others_k, others_n = sum(done[(r, label, kind)] for r in others), sum(seen[r, label] for r in others)
    return Suspicion(reader, label, kind, k, n, others_k, others_n, fisher(k, n, others_k, others_n))


def fisher(k: int, n: int, others_k: int, others_n: int) -> float:
    """P(at least k of n) when k + others_k marks are spread by chance over n + others_n (hypergeometric upper tail)."""
    total = k + others_k
    ways = sum(comb(n, i) * comb(others_n, total - i) for i in range(k, min(n, total) + 1))
    return ways / comb(n + others_n, total)


def audit_table(found: Sequence[Suspicion]) -> str:
    rows = [("reader", "label said by the model", "did", "of marks", "share", "others", "share", "p")]
    for s in found:
        rows.append(
            (
                s.reader,
                s.label,
                f"{s.kind} {s.done}",
                str(s.seen),
                f"{s.done / s.seen:.1%}",
                f"{s.others_done} of {s.others_seen}",
                f"{s.others_done / s.others_seen:.1%}",
                f"{s.p:.1e}",
            )
        )
    return align_columns(rows)
